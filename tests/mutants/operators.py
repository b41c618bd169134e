"""The changes that are made to a source file, one at a time: mistakes that someone could make.

Left alone, because no test has to notice: docstrings, annotations and type aliases, decorators,
`__all__`, `__repr__`, what only a script runs, the texts of errors (that there is an error does
count), and the names of arrays in a `Workspace` (any others do, as long as they differ).
"""

import ast
from collections import Counter
from typing import NamedTuple

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_PAIRS = "max min, maximum minimum, any all, argmax argmin, sum mean, floor ceil, zeros ones"
_PAIRS += ", zeros_like ones_like, add subtract, multiply divide, sqrt square, exp expm1, log log1p"
FUNCTIONS = dict(pair.split() for pair in _PAIRS.split(", "))
FUNCTIONS |= {b: a for a, b in FUNCTIONS.items()}
COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "max", "min", "may_share_memory"}
NEEDED = {"len", "range", "super", "enumerate", "zip", "iter", "type", "next", "reversed"}
ALIASES = {"Callable", "Literal", "Union", "dict", "list", "tuple"}
NAMED_BY_TEXT = {"take", "_take", "like", "pair"}  # and require_...


class Mutant(NamedTuple):
    """One change: where it is made, and what it is."""

    file: str
    function: str
    text: str  # of its line
    change: str
    nth: int  # of the equal changes on such lines

    @property
    def key(self):
        """What `survivors.toml` names it by; equal changes on equal lines share it."""
        return self.file, self.text, self.change


def mutants(file, source):
    """Yield every mutant with its lines, and the file's tree: changed, until the next is asked for.

    The lines are those from the beginning of the statement to the end of what is changed.
    """
    tree, lines, seen = ast.parse(source), source.splitlines(), Counter()
    for function, statement, node, put in _places(tree, "", None):
        for new in _variants(node):
            if _brief(node) == _brief(new):
                continue  # f(a, a) with its arguments swapped
            text, change = lines[node.lineno - 1].strip(), f"{_brief(node)} → {_brief(new)}"
            where = file, function, text, change
            seen[where] += 1
            put(ast.fix_missing_locations(ast.copy_location(new, node)))
            yield Mutant(*where, seen[where]), range(statement, node.end_lineno + 1), tree
            put(node)


def _places(holder, function, statement):
    """Yield all that may be changed: function, line of the statement, node, a way to replace it."""
    for field, value in ast.iter_fields(holder):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        nodes = enumerate(value) if isinstance(value, list) else [(None, value)]
        for i, node in nodes:
            if not isinstance(node, ast.AST) or _left_alone(node, holder):
                continue
            inside = isinstance(node, ast.FunctionDef | ast.ClassDef)
            name = f"{function}.{node.name}".lstrip(".") if inside else function

            def put(new, field=field, i=i):
                if i is None:
                    setattr(holder, field, new)
                else:
                    getattr(holder, field)[i] = new

            line = node.lineno if isinstance(node, ast.stmt) else statement
            if hasattr(node, "lineno"):
                yield name, line, node, put
            if not isinstance(node, ast.Raise):
                yield from _places(node, name, line)


def _left_alone(node, holder):
    """Tell whether it is one of the things that the module's docstring lists."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.JoinedStr() | ast.FunctionDef(name="__repr__"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.BinOp(op=ast.BitOr(), right=ast.Constant(value=None)):
            return True  # the type `... | None`
        case ast.BinOp(op=ast.BitOr(), left=left):
            return _left_alone(left, node)  # the type `Literal[...] | ...`
        case ast.Subscript(value=value):
            return _name(value) in ALIASES
        case ast.Constant(value=str()) if isinstance(holder, ast.Call) and node in holder.args:
            return _name(holder.func) in NAMED_BY_TEXT or _name(holder.func).startswith("require_")
    return False


def _name(node):
    return getattr(node, "attr", getattr(node, "id", ""))


def _variants(node):
    """Return what to put in the place of a node."""
    variants = {
        ast.Compare: _compare,
        ast.BinOp: _binary,
        ast.AugAssign: _in_place,
        ast.UnaryOp: lambda node: [node.operand],
        ast.BoolOp: _boolean,
        ast.If: _condition,
        ast.IfExp: _condition,
        ast.Constant: _constant,
        ast.Subscript: _slice,
        ast.Call: _call,
        ast.Raise: _nothing,
        ast.Delete: _nothing,
        ast.Assign: _assignment,
        ast.Expr: _nothing,
        ast.Continue: lambda node: [ast.Break()],
        ast.Break: lambda node: [ast.Continue()],
    }
    return variants.get(type(node), lambda node: [])(node)


def _brief(node):
    return "if " + ast.unparse(node.test) if isinstance(node, ast.If) else ast.unparse(node)


def _with(node, **changed):
    """Return the node with some of its fields changed."""
    return type(node)(**(dict(ast.iter_fields(node)) | changed))


def _nothing(node):
    return [ast.Pass()]


def _assignment(node):
    """Leave out what is kept; without a local name, the next line fails in any test."""
    kept = (ast.Attribute, ast.Subscript)
    return _nothing(node) if any(isinstance(n, kept) for n in ast.walk(node.targets[0])) else []


def _compare(node):
    for i, op in enumerate(node.ops):
        for other in COMPARISONS[type(op)]:
            yield _with(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])


def _binary(node):
    if type(node.op) in ARITHMETIC:
        yield _with(node, op=ARITHMETIC[type(node.op)]())
        yield node.left


def _in_place(node):
    yield _with(node, op=ARITHMETIC[type(node.op)]())
    yield ast.Pass()


def _boolean(node):
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for value in node.values:
        rest = [v for v in node.values if v is not value]
        yield _with(node, values=rest) if len(rest) > 1 else rest[0]


def _condition(node):
    yield _with(node, test=ast.Constant(True))
    yield _with(node, test=ast.Constant(False))


def _constant(node):
    match node.value:
        case bool():
            others = [not node.value]
        case int():
            others = [node.value + 1, node.value - 1][: 2 if node.value else 1]
        case float():
            others = [2 * node.value or 1.0]
        case str():
            others = [node.value + "_"]
        case _:
            others = []
    return map(ast.Constant, others)


def _slice(node):
    """Move the ends of a slice by one, and drop its step; constants move as constants."""
    cut = node.slice
    if not isinstance(cut, ast.Slice):
        return
    for field, default in (("lower", 1), ("upper", -1)):
        end = getattr(cut, field)
        if end is None:
            yield _with(node, slice=_with(cut, **{field: ast.Constant(default)}))
        elif not isinstance(end, ast.Constant):
            moved = ast.BinOp(end, ast.Add(), ast.Constant(default))
            yield _with(node, slice=_with(cut, **{field: moved}))
    if cut.step:
        yield _with(node, slice=_with(cut, step=None))


def _call(node):
    """Call the opposite function; drop a keyword; swap two arguments; return the argument."""
    name, func = _name(node.func), node.func
    if name in FUNCTIONS:
        field = "attr" if isinstance(func, ast.Attribute) else "id"
        yield _with(node, func=_with(func, **{field: FUNCTIONS[name]}))
    for keyword in node.keywords:
        if keyword.arg:
            yield _with(node, keywords=[k for k in node.keywords if k is not keyword])
    if len(node.args) == 2 and name not in COMMUTATIVE | NAMED_BY_TEXT:
        yield _with(node, args=node.args[::-1])
    if name.islower() and not node.keywords and name not in NEEDED:
        if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            yield node.args[0]
        elif not node.args and isinstance(func, ast.Attribute):
            yield func.value
