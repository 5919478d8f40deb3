"""Write the stubs: what editors and type checkers see of minigrad's public names.

``python tests/typing/make_stubs.py`` writes every ``.pyi`` file of the package; with ``--check`` it
names those that are out of date. Names, order, kinds and defaults of arguments are those of the
modules as they run, with ``**kwargs`` spelled out; the types are looked up by name in `types.txt`.
"""

import ast
import functools
import importlib.util
import inspect
import os
import re
import sys
import textwrap
import types
from pathlib import Path

os.environ["MINIGRAD_KERNELS"] = "reference"  # plain Python, whose signatures can be read
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

# ruff: noqa: E402 - the lines above decide what these find
import numpy as np

import minigrad
from minigrad import layers, more_ops, ops
from minigrad.utils import old_names

TABLE = Path(__file__).parent / "types.txt"
WIDTH = 100
HEAD = "# By tests/typing/make_stubs.py\n"

# Each public name is defined in the stub of the first of these modules that has it.
MODULES = (
    "core", "utils.registry", "random", "config", "constraints", "initializers", "regularizers",
    "ops", "activations", "losses", "metrics", "layers", "layers.variable", "optimizers.schedules",
    "optimizers", "callbacks", "models", "saving", "saving.checkpoint", "utils", "datasets",
    "datasets.boston_housing", "datasets.california_housing", "datasets.cifar10",
    "datasets.cifar100", "datasets.fashion_mnist", "datasets.imdb", "datasets.mnist",
    "datasets.reuters", "datasets.synthetic_digits", "preprocessing", "preprocessing.image",
    "preprocessing.sequence", "preprocessing.text", "testing", "debug", "distribution",
    "lab", "plots", "interop", "kernels", "backend",
)  # fmt: skip
if importlib.util.find_spec("sklearn"):  # else the stub stays as it is
    MODULES += ("wrappers",)
# What modules import or define for themselves.
INSIDE = {
    "Configured", "Described", "FromFunction", "Function", "HDF5_ENDINGS", "Registry", "Smooth",
    "Softsign", "Stage", "Symbol", "as_tensor", "check_overwrite", "config_functions", "is_own",
    "recordable", "tell_all", "values_here",
}  # fmt: skip
# What classes have for their own code.
HIDDEN = {"told_methods", "check_sizes", "mix_channels", "bounded", "measured"}
DUNDERS = {
    "__init__", "__call__", "__len__", "__getitem__", "__setitem__", "__iter__", "__next__",
    "__contains__", "__dlpack__", "__dlpack_device__", "__enter__",
    "__exit__", "__array__", "__new__", "_keep",
}  # fmt: skip
BARE_DECORATOR = (
    "@overload",
    "def __new__(cls, function: None = None) -> Self: ...",
    "@overload",
    "def __new__(cls, function: F) -> F: ...  # type: ignore[misc]",
)
# Operators, and the like, that only Tensor has.
OF_TENSOR = {
    "__bool__", "__float__", "__int__", *ops.COMPARISONS, *ops.UNARY,
    *(f"__{side}{name}__" for side in ("", "r", "i") for name in ops.BINARY),
}  # fmt: skip
SIMPLE = (type(None), bool, int, float, str)


# --- the table of types --------------------------------------------------------------------------


@functools.cache
def table(section):
    """The types of one section of the table, as {name: type}."""
    whole = TABLE.read_text(encoding="utf-8")
    text = re.split(r"\n(?=\[|# .*\n\[)", whole.partition(f"[{section}]\n")[2])[0]
    if section == "aliases":
        return text
    found = {}
    for line in text.splitlines():
        kind, _, names = line.partition(" : ")
        for name in names.split() if not line.startswith("#") else ():
            assert name not in found, f"{TABLE.name}: expected {name} once in [{section}]"
            found[name] = kind.strip()
    return found


def look_up(section, owners, name):
    """The type of a name: that of the first of its owners that has one of its own, or of all."""
    known = table(section)
    keys = [f"{owner}.{name}" for owner in owners if owner] + [name]
    used = next((key for key in keys if key in known), None)
    USED.add((section, used))
    return known.get(used)


USED = set()


def type_of_argument(owners, parameter):
    """The type of an argument; without a row in the table, that of its default."""
    found = look_up("arguments", owners, parameter.name)
    if found is None:
        default = parameter.default
        if parameter.default is parameter.empty or default is None:
            return "Any"
        simple = {bool: "bool", int: "Int", float: "Float", str: "str"}
        found = simple.get(type(default), "Any")
    is_optional = found.endswith("?") or (parameter.default is None and found != "Any")
    found = found.removesuffix("?")
    return f"{found} | None" if is_optional and "None" not in found else found


def type_of_result(owners, name, place):
    """The type of a result; without a row in the table, the usual one of its module or class."""
    return look_up("results", owners, name) or table("usual results").get(place) or "Any"


# --- signatures ----------------------------------------------------------------------------------


def default_text(default):
    is_flat = isinstance(default, tuple) and all(isinstance(part, SIMPLE) for part in default)
    if isinstance(default, SIMPLE) or is_flat:
        text = repr(default)
        if isinstance(default, str) and default.isprintable() and not {*default} & {*"\\'\""}:
            text = f'"{default}"'
        if len(text) <= 40 and not (isinstance(default, float) and default - default != 0):
            return text
    return "..."


def parameters_of(function):
    """The parameters of a function, without ``self``."""
    found = list(inspect.signature(function).parameters.values())
    return found[1:] if found and found[0].name in ("self", "cls") else found


def passed_on(function):
    """What a constructor hands to ``super().__init__`` itself: how many by place, which by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            by_place = [a for a in node.args if not isinstance(a, ast.Starred)]
            return len(by_place), {keyword.arg for keyword in node.keywords}
    return 0, set()


def constructor(cls):
    """The parameters of a class, with their owners; ``**kwargs`` are replaced by the base's."""
    base, *others = [c for c in cls.__mro__ if "__init__" in vars(c)]
    init = vars(base)["__init__"]
    own = parameters_of(init)
    kinds = {p.kind for p in own}
    found = [(base.__name__, p) for p in own if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if inspect.Parameter.VAR_KEYWORD not in kinds or others[0] is object:
        return found
    by_place, given = passed_on(init)
    given |= {p.name for _, p in found}
    for owner, p in constructor(others[0])[by_place:]:
        if p.name not in given:
            by_name = inspect.Parameter.VAR_POSITIONAL not in kinds
            found.append((owner, p.replace(kind=p.KEYWORD_ONLY) if by_name else p))
    return sorted(found, key=lambda pair: pair[1].kind)


def signature_text(pairs, owners, first=""):
    """The arguments in brackets; each pair is an owner and a parameter."""
    parts, starred = [first] if first else [], False
    for owner, p in pairs:
        kind = type_of_argument([*owners, owner], p)
        if p.kind is p.VAR_POSITIONAL:
            parts.append(f"*{p.name}: {kind}")
            starred = True
            continue
        if p.kind is p.VAR_KEYWORD:
            parts.append(f"**{p.name}: {kind}")
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        default = "" if p.default is p.empty else f" = {default_text(p.default)}"
        parts.append(f"{p.name}: {kind}{default}")
        if p.kind is p.POSITIONAL_ONLY:
            parts[-1] = parts[-1].replace(p.name, f"__{p.name}", 1)
    return parts


def wrap(head, parts, tail, indent):
    """One line if it fits, else as many as needed, filled."""
    line = f"{indent}{head}({', '.join(parts)}){tail}"
    if len(line) <= WIDTH:
        return [line]
    lines, current = [f"{indent}{head}("], f"{indent}    "
    for part in parts:
        if len(current) + len(part) + 1 > WIDTH:
            lines.append(current.rstrip())
            current = f"{indent}    "
        current += f"{part}, "
    return [*lines, current.rstrip(), f"{indent}){tail}"]


def function_lines(name, function, owners, indent="", first="", place=""):
    """The lines of a function or method."""
    if any(f"{owner}.{name}" in table("open") for owner in owners[:1]):
        parts = [first, "*args: Any", "**kwargs: Any"]
    else:
        scoped = [*(f"{owner}.{name}" for owner in owners), name, *owners]
        parts = signature_text([(name, p) for p in named_rest(name, function)], scoped, first)
        if extra := look_up("further arguments", owners, name):
            parts[-1:] = ["*", *extra.split(", ")]
    result = type_of_result(owners, name, place)
    return wrap(f"def {name}", parts, f" -> {result}: ...", indent)


def named_rest(name, function):
    """The parameters of a function, ``**kwargs`` replaced where they go to one that has names."""
    own = parameters_of(function)
    source = table("passed on").get(name)
    cls = getattr(layers, name.title(), None) if function.__module__.endswith("merging") else None
    if "lower_case" in function.__qualname__:
        return [p for _, p in constructor(inspect.getclosurevars(function).nonlocals["cls"])]
    if source is not None:
        rest = parameters_of(getattr(minigrad.Model, source))
    elif cls is not None:
        rest = [p for _, p in constructor(cls)]
    else:
        return own
    names = {p.name for p in own}
    rest = [p.replace(kind=p.KEYWORD_ONLY) for p in rest if p.name not in names | {"x"}]
    return [p for p in own if p.kind is not p.VAR_KEYWORD] + rest


# --- modules -------------------------------------------------------------------------------------


def module_of(name):
    return importlib.import_module(f"minigrad.{name}")


def is_ours(value):
    return str(getattr(value, "__module__", "")).startswith("minigrad")


@functools.cache
def public_names(name):
    """The names that a module offers: those of ``__all__``, or what of it is minigrad's own."""
    module = module_of(name)
    if name == "ops":
        return sorted({*module.__all__, *more_ops.__all__})
    if hasattr(module, "__all__"):
        return list(module.__all__)
    inside = INSIDE | {*vars(old_names)}
    names = []
    for n, value in vars(module).items():
        is_own = getattr(value, "__module__", None) == module.__name__
        hidden = n.startswith("_") or isinstance(value, types.ModuleType)
        hidden = hidden or (n in inside and not (n == "Registry" and is_own))
        if hidden or not (is_ours(value) or n.isupper()):
            continue
        where = value.__module__ if is_ours(value) else f"minigrad.{name}"
        package = f"minigrad.{name}"
        own = where == package or where.startswith(f"{package}.") or hasattr(value, "members")
        own = own or n in ("deserialize", "serialize")
        if own or (is_ours(value) and is_offered(name, n)):
            names.append(n)
    return names


def is_offered(module, name):
    """Whether an import in the module is there for its users: packages and tables of Keras's."""
    path = Path(module_of(module).__file__)
    return path.name == "__init__.py" or module in ("activations", "losses", "backend")


def owner_of(value, name):
    """The first module whose stub defines this very object under this name."""
    for module in MODULES:
        if name in public_names(module) and getattr(module_of(module), name, None) is value:
            return module
    return None


def public_class(cls):
    """Where a class is public: its module and name; None for those that are not."""
    for module in MODULES:
        is_there = cls.__name__ in public_names(module)
        if is_there and getattr(module_of(module), cls.__name__, None) is cls:
            return module
    return None


# --- classes -------------------------------------------------------------------------------------


def attributes_of(cls, hidden):
    """The public attributes that the methods of a class assign to ``self``."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return []
    found = {}
    for node in ast.walk(tree):
        is_own = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if is_own and ast.unparse(node.value) == "self" and not node.attr.startswith("_"):
            found[node.attr] = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._keep":
            found |= dict.fromkeys(keyword.arg for keyword in node.keywords if keyword.arg)
            found.pop("optional", None)
    return [name for name in found if name not in hidden]


def bases_of(cls):
    """The public classes that this one inherits from, and the hidden ones between."""
    public, hidden = [], []
    covered = set()
    for base in cls.__mro__[1:]:
        if base in covered or base is object:
            continue
        if is_ours(base) and public_class(base) is None:
            hidden.append(base)
        else:
            public.append(base)
            covered |= set(base.__mro__)
    return public, hidden


def class_lines(module, cls):
    public, hidden = bases_of(cls)
    owners = [cls.__name__, *(b.__name__ for b in cls.__mro__[1:] if is_ours(b))]
    body, members = [], {}
    for part in [cls, *hidden]:
        for name, value in vars(part).items():
            wanted = not name.startswith("_") or name in DUNDERS
            wanted = wanted or (name in OF_TENSOR and cls is minigrad.Tensor)
            wanted = wanted and name not in HIDDEN and not (name == "__call__" and is_layer(cls))
            wanted = wanted and not (name == "__new__" and cls is not minigrad.no_grad)
            wanted = wanted and not type(value).__module__.startswith("sklearn")
            if wanted and name not in members:
                members[name] = value
    inherited = {}
    for base in reversed([b for b in cls.__mro__[1:] if is_ours(b) and public_class(b)]):
        inherited |= emitted(base)
    lines_of = {}
    for name, value in members.items():
        lines_of[name] = member_lines(cls, owners, name, value)
    if "__init__" in lines_of:
        parts = signature_text(constructor(cls), [*owners, "__init__"], "self")
        lines_of["__init__"] = wrap("def __init__", parts, " -> None: ...", "    ")
    for field in getattr(cls, "__dataclass_fields__", {}).values():
        kind = FIELDS.get(field.type, "Any")
        lines_of[field.name] = [f"    {field.name}: {kind}"]
    hidden_names = {*lines_of, *inherited}
    for part in [cls, *hidden]:
        for name in attributes_of(part, hidden_names):
            lines_of.setdefault(name, [f"    {name}: {attribute_type(cls, owners, name)}"])
    for name, lines in lines_of.items():
        if lines and inherited.get(name) != lines:
            mark = "  # type: ignore[override]" * (f"{cls.__name__}.{name}" in table("overriding"))
            body += [lines[0] + mark, *lines[1:]]
    EMITTED[cls] = inherited | lines_of
    if any(base.__module__.startswith("sklearn") for base in public):  # which has no types
        return [f"class {cls.__name__}(Any):  # type: ignore[misc]", *body]
    base_names = [b.__name__ for b in public if b is not object]
    head = f"class {cls.__name__}" + (f"({', '.join(base_names)})" if base_names else "")
    for b in public:
        need(module, b)
    return [f"{head}: ..."] if not body else [f"{head}:", *body]


EMITTED = {}
FIELDS = {str: "str", int: "int", float: "float", np.ndarray: "Array"}  # of dataclasses


def emitted(cls):
    if cls not in EMITTED:
        class_lines(public_class(cls), cls)
    return EMITTED[cls]


def is_layer(cls):
    """Whether it is a layer, whose ``__call__`` takes what Layer's does."""
    return issubclass(cls, layers.Layer) and cls is not layers.Layer


def attribute_type(cls, owners, name):
    found = look_up("results", owners, name)
    if found is None:
        simple = look_up("arguments", owners, name)
        found = simple if simple in ("Int", "Float", "str", "bool") else "Any"
        found = {"Int": "int", "Float": "float"}.get(found, found)
    return found


def member_lines(cls, owners, name, value):
    """The lines of one member of a class."""
    indent = "    "
    if name == "__new__":
        return [f"{indent}{line}" for line in BARE_DECORATOR]
    if isinstance(value, property):
        kind = look_up("results", owners, name) or "Any"
        lines = [f"{indent}@property", f"{indent}def {name}(self) -> {kind}: ..."]
        if value.fset:
            takes = look_up("arguments", owners, name) if name == "learning_rate" else None
            takes = takes or (kind if kind in ("bool", "str") else "Any")
            lines += [f"{indent}@{name}.setter"]
            lines += [f"{indent}def {name}(self, value: {takes}) -> None: ..."]
        return lines
    if name == "function":  # what a loss or metric computes
        return [f"{indent}{name}: AnyFunction"]
    if isinstance(value, (staticmethod, classmethod)):
        kind = "staticmethod" if isinstance(value, staticmethod) else "classmethod"
        first = "" if kind == "staticmethod" else "cls"
        lines = function_lines(name, value.__func__, owners, indent, first, cls.__name__)
        return [f"{indent}@{kind}", *lines]
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        found = list(inspect.signature(value).parameters.values())
        if found and found[0].name != "self":
            value = without_first(value)
        return function_lines(name, value, owners, indent, "self", cls.__name__)
    if isinstance(value, type):
        return []
    if type(value).__name__ in ("member_descriptor", "getset_descriptor"):
        return [f"{indent}{name}: {attribute_type(cls, owners, name)}"]
    kind = look_up("results", owners, name)
    if kind is None:
        kind = {bool: "bool", int: "int", float: "float", str: "str"}.get(type(value), "Any")
    return [f"{indent}{name}: {kind}"]


def without_first(function):
    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[1:]

    def bound(): ...

    bound.__signature__ = signature.replace(parameters=rest)
    bound.__module__, bound.__qualname__ = function.__module__, function.__qualname__
    return bound


# --- whole stubs ---------------------------------------------------------------------------------

NEEDED = {}


def need(module, cls):
    NEEDED.setdefault(module, set()).add(cls)


def constant_type(value):
    if isinstance(value, SIMPLE) and value is not None:
        return type(value).__name__
    return "Any" if not is_ours(value) else type(value).__name__


def stub(name):
    """The text of a module's stub."""
    module = module_of(name)
    imports, body, classes = [], [], {}
    if name == "optimizers":  # pyright knows of a package's modules what its stub imports
        imports.append("from minigrad.optimizers import schedules as schedules")
    for n in public_names(name):
        value = getattr(module, n)
        owner = owner_of(value, n)
        if isinstance(value, types.ModuleType):
            package, _, last = value.__name__.rpartition(".")
            imports.append(f"from {package} import {last} as {n}")
        elif owner not in (None, name):
            imports.append(f"from minigrad.{owner} import {n} as {n}")
        elif isinstance(value, type):
            if value.__name__ != n and value.__name__ in public_names(name):
                body.append((2, n, [f"{n} = {value.__name__}"]))
            else:
                classes[value] = n
        elif isinstance(value, types.SimpleNamespace):
            lines = [f"class _{n}:"]
            for m, function in vars(value).items():
                lines += [
                    "    @staticmethod",
                    *function_lines(m, function, [name], "    ", place=name),
                ]
            body.append((1, n, [*lines, f"{n}: _{n}"]))
        elif callable(value) and not hasattr(value, "members"):
            body.append((1, n, function_lines(n, value, [name], place=name)))
        else:
            body.append((0, n, [f"{n}: {look_up('results', [name], n) or constant_type(value)}"]))
    for cls in sorted(classes, key=lambda c: len(c.__mro__)):
        body.append((1, cls.__name__, class_lines(name, cls)))
    # classes first, bases before what is made of them
    text = "\n".join("\n".join(lines) for _, _, lines in sorted(body, key=lambda row: row[0]))
    for cls in NEEDED.get(name, ()):
        owner = public_class(cls)
        if owner is not None and owner != name:
            imports.append(f"from minigrad.{owner} import {cls.__name__}")
        elif owner is None and cls.__module__ != "builtins":
            imports.append(f"from {cls.__module__} import {cls.__name__}")
    return HEAD + "\n".join([*import_lines(name, text, imports), text, ""])


def import_lines(name, text, imports):
    """What the text needs: typing's names, the aliases, and classes of other stubs."""
    text = re.sub(r'"[^"]*"', "", text)
    words = set(re.findall(r"[A-Z]\w*", " ".join(re.findall(r"(?::|->|[|\[,]) ?[^:=]*", text))))
    words |= {"Any"} if "Any" in text else set()
    abc = [n for n in ("Callable", "Iterable", "Iterator", "Sequence") if f"{n}[" in text]
    defined = set(re.findall(r"^(?:class )?(\w+)(?:\(|:| =)", text, re.MULTILINE))
    defined |= {line.rpartition(" ")[2] for line in imports}
    wanted = {"collections.abc": abc}
    wanted["typing"] = [n for n in ("Any", "Literal", "Self") if n in words]
    wanted["typing"] += ["overload"] * ("@overload" in text)
    lines = ["import numpy as np"] if "np." in text else []
    aliases = re.findall(r"^(\w+)(?:: TypeAlias)? =", table("aliases"), re.MULTILINE)
    wanted["minigrad._types"] = [n for n in aliases if n in words - defined]
    for n in sorted((words & CLASSES.keys()) - defined - set(abc)):
        if CLASSES[n] != name:
            wanted.setdefault(f"minigrad.{CLASSES[n]}", []).append(n)
    for module, names in wanted.items():
        lines += import_line(module, names)
    passed_on = {}  # module -> what is imported from it
    for line in dict.fromkeys(imports):
        module, _, what = line.partition(" import ")
        passed_on.setdefault(module, []).append(what)
    for module, names in passed_on.items():
        lines += import_line(module.removeprefix("from "), names)
    return lines


def import_line(module, names):
    line = f"from {module} import {', '.join(names)}"
    if len(line) > WIDTH:
        kept = ", ".join(n.replace(" ", "~") for n in names)  # `a as a` stays on one line
        listed = textwrap.fill(kept, WIDTH - 8).replace("~", " ")
        line = f"from {module} import (\n{textwrap.indent(listed, '    ')},\n)"
    return [line] if names else []


CLASSES = {}  # public classes that types name -> the module that defines them
for _module in MODULES:
    for _name in public_names(_module):
        if isinstance(getattr(module_of(_module), _name), type):
            CLASSES.setdefault(_name, _module)


def top():
    """The stub of the package itself."""
    names = minigrad._NAMES
    lines = []
    for n in minigrad._SUBMODULES:
        if n != "keras":
            lines.append(f"from minigrad import {n} as {n}")
    lines += ["from minigrad import ops as ops", "import minigrad as keras"]
    for n in minigrad.__all__:
        if n not in (*minigrad._SUBMODULES, "ops", "version"):
            where = CLASSES.get(n) or names.get(n) or owner_of(getattr(minigrad, n), n)
            lines.append(f"from minigrad.{where} import {n} as {n}")
    listed = textwrap.fill(", ".join(f'"{n}"' for n in minigrad.__all__), WIDTH - 4)
    lines += ["__version__: str", "def version() -> str: ..."]
    lines += ["__all__ = [", textwrap.indent(listed + ",", "    "), "]"]
    return HEAD + "\n".join([*lines, ""])


def stubs():
    """Every stub, as {path: text}."""
    found = {}
    for name in MODULES:
        base = Path(module_of(name).__file__)
        base = base.with_name(f"{base.name.partition('.')[0]}.pyi")
        found[base] = stub(name)
    package = Path(minigrad.__file__).parent
    found[package / "__init__.pyi"] = top()
    found[package / "_types.pyi"] = HEAD + table("aliases")
    return found


def main():
    stale = []
    for path, text in stubs().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(Path(minigrad.__file__).parents[1]).as_posix())
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    for section in ("arguments", "results"):
        unused = sorted(n for n in table(section) if (section, n) not in USED)
        if unused and "wrappers" in MODULES:
            print(f"{TABLE.name}: [{section}] needs no {', '.join(unused)}")
    print(*stale, sep="\n")
    return bool(stale) and "--check" in sys.argv


if __name__ == "__main__":
    sys.exit(main())
