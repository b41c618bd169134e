"""Read an array of bytes from NumPy's archive format, a zip file of .npy files.

`numpy.load` would do, but it trusts what headers declare, and some of zip's compression methods
decompress without a limit. Here nothing is decompressed or allocated beyond what the array can
hold, and no object is ever created: only bytes are read.
"""

import zipfile
from io import BytesIO
from math import prod

import numpy as np
from numpy.lib import format as npy

from datasets.errors import DataError
from datasets.idx import MAX_BYTES

_MAX_MEMBERS = 100
_MEMBER = b"PK\x01\x02"  # begins the entry of each member in the list at the end
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(raw: bytes, name: str) -> np.ndarray:
    """Read the uint8 array that an archive holds under ``name``.

    Raises DataError if there is none, if it is of another type, and if anything is damaged.
    """
    if raw.count(_MEMBER) > _MAX_MEMBERS:
        raise DataError(f"the archive has more than {_MAX_MEMBERS} members")
    try:
        return _parse_npy(_member(raw, f"{name}.npy"))
    except KeyError as error:
        raise DataError(f"the archive holds no array {name!r}") from error
    except DataError:
        raise
    except Exception as error:  # zipfile and NumPy raise a dozen types on damaged bytes
        raise DataError(f"the archive is damaged or not plain data ({error})") from error


def _member(raw: bytes, name: str) -> bytes:
    """Unpack one member; KeyError if there is none of that name."""
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        found = archive.getinfo(name)
        if found.compress_type not in _BOUNDED:
            raise DataError("the archive is packed by a method other than deflate")
        if found.file_size > MAX_BYTES:
            raise DataError(f"{found.file_size:,} bytes, more than the {MAX_BYTES:,} allowed")
        with archive.open(found) as file:
            return file.read(found.file_size + 1)  # a limit, unlike plain read()


def _parse_npy(content: bytes) -> np.ndarray:
    """Read an .npy file whose header and size agree."""
    file = BytesIO(content)
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in read_header:
        raise DataError(f"expected version 1.0 or 2.0 of .npy, found {version}")
    shape, fortran_order, dtype = read_header[version](file)
    if dtype != np.uint8:
        raise DataError(f"expected unsigned bytes, found {dtype}")
    found = len(content) - file.tell()
    if any(side < 0 for side in shape) or prod(shape) != found:
        raise DataError(f"the header declares {shape}; found {found:,} bytes")
    array = np.frombuffer(content, np.uint8, offset=file.tell())
    return array.reshape(shape, order="F" if fortran_order else "C")
