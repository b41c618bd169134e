#!/bin/sh
# Makes the virtual environment that the other make targets run in.
#
#     sh tools/setup.sh VENV [PYTHON]
#
# Nothing is done while VENV holds what pyproject.toml and constraints.txt ask for. When they
# change, pip brings it up to date. It is started over when an earlier set-up did not finish, when
# the checkout was moved, when its interpreter is gone, or when PYTHON is another version.
# Every failure is one sentence and exit code 2.
set -eu

versions='3.11 3.12 3.13'  # the Pythons for which every pin in constraints.txt has a wheel
need_mb=4400  # VENV takes 4.1 GB with the CPU build of torch; less can never do
takes='about 4.4 GB, or 10 GB where torch brings CUDA'

CDPATH='' cd -- "$(dirname -- "$0")/.."
venv=${1:?setup.sh VENV [PYTHON]}
chosen=${2:-}
log=$venv/setup.log
stamp=$venv/.setup-stamp  # absent: not set up by us; empty: unfinished; else: what is installed

say() { printf 'lockstep: %s\n' "$1" >&2; }
fail() { say "$1"; exit 2; }

inputs() { pwd -P && cat pyproject.toml constraints.txt; }

print_version='import sys; print("%d.%d" % sys.version_info[:2])'  # Python 2 can answer, too
python_version() { "$1" -c "$print_version" 2>/dev/null; }
is_supported() { case " $versions " in *" $1 "*) ;; *) return 1 ;; esac; }

venv_works() {  # its Python runs, finds pip, and is the one asked for
    version=$("$venv/bin/python" -I -c "import pip; $print_version" 2>/dev/null) || return 1
    is_supported "$version" || return 1
    [ -z "$chosen" ] || [ "$(python_version "$chosen")" = "$version" ]
}

venv_is_current() { [ -s "$stamp" ] && [ "$(cat "$stamp")" = "$(inputs)" ] && venv_works; }

venv_is_usable() {  # what is in it may be old, but nothing is half installed
    if [ -e "$stamp" ]; then [ "$(head -n 1 "$stamp")" = "$(pwd -P)" ] || return 1; fi
    venv_works
}

find_python() {  # sets python: the one asked for, else the first that will do
    if [ -n "$chosen" ]; then set -- "$chosen"; else
        set -- python3
        for version in $versions; do set -- "$@" "python$version"; done
    fi
    found="no working $1 was found"
    for python; do
        version=$(python_version "$python") || continue
        if is_supported "$version"; then return; fi
        [ "$python" != "$1" ] || found="$python is Python $version"
    done
    fail "Python ${versions%% *} to ${versions##* } is needed, but $found;\
 name another one: make PYTHON=python3.12 run"
}

space_is_below() {  # $1 in MB, in the folder $2; sets free; false where df cannot tell
    free=$(df -Pk "$2" 2>/dev/null | sed -n 's/.* \([0-9]\{1,\}\)  *[0-9]*% .*/\1/p')
    [ -n "$free" ] && free=$((free / 1000)) && [ "$free" -lt "$1" ]
}

explain() {  # $1: what failed; $2: the text in which to look for the cause
    case $2 in *'No space left on device'*) full=yes ;; *) full= ;; esac
    if [ -n "$full" ] || space_is_below 50 "$venv" || space_is_below 50 "${TMPDIR:-/tmp}"; then
        fail "no space was left for $venv, which takes $takes, or for pip's downloads\
 in ${TMPDIR:-/tmp} (another folder: make TMPDIR=FOLDER setup)"
    fi
    case $2 in *'connection broken by'*)
        fail "the package registry could not be reached; pip's log is $log" ;;
    esac
    fail "$1"
}

create_venv() {
    find_python
    if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
        fail "$venv is there, but is not a virtual environment; move it away, or name another\
 folder: make VENV=FOLDER setup"
    fi
    "$python" -I -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python cannot make virtual environments: its venv or ensurepip module is missing\
 (Debian and Ubuntu: apt install python3-venv)"
    output=$("$python" -I -m venv --clear "$venv" 2>&1) ||
        explain "$python could not make $venv: $(printf '%s\n' "$output" | tail -n 1)" "$output"
    : >"$stamp"
    if space_is_below "$need_mb" "$venv"; then
        fail "not enough space for $venv: $free MB are free, and it takes $takes"
    fi
}

add_suite() {  # what is no part of the library: the checkout's other packages, and their command
    version=$(python_version "$venv/bin/python")
    pwd -P >"$venv/lib/python$version/site-packages/lockstep_suite.pth" || return 1
    python=$(cd "$venv/bin" && pwd -P)/python
    printf "#!/bin/sh\nexec '%s' -P -m experiments \"\$@\"\n" \
        "$(printf '%s\n' "$python" | sed "s/'/'\\\\''/g")" >"$venv/bin/lockstep" || return 1
    chmod +x "$venv/bin/lockstep"
}

install() {
    say "setting up $venv: installing pinned packages, $takes; the first time it takes minutes,\
 most of them without a word"
    : >"$stamp"
    : >"$log"
    [ -t 1 ] || export PIP_QUIET=1 PIP_PROGRESS_BAR=off  # no terminal: warnings and errors only
    "$venv/bin/python" -I -m pip install --disable-pip-version-check --no-input --log "$log" \
        --constraint constraints.txt --editable '.[suite,dev]' ||
        explain "pip could not install the packages; its log is $log" "$(cat "$log")"
    add_suite || explain "$venv could not be written" ''
    inputs >"$stamp" || explain "$stamp could not be written" ''
    say "set up; the command is $venv/bin/lockstep, or lockstep after: . $venv/bin/activate"
}

trap 'exit 130' INT  # Ctrl-C is not a failure of pip to explain
venv_is_current && exit 0
if command -v flock >/dev/null; then  # without it (macOS), two at once are not kept apart
    exec 9<>pyproject.toml  # only locked; for writing, as NFS demands it
    flock -n 9 || { say 'waiting for another set-up to finish'; flock 9 || :; }
    venv_is_current && exit 0
fi
venv_is_usable || create_venv
install
