"""Finding a user's class and making it: whatever is wrong with it is one sentence that names the thing."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, Final

import dspy

from swarm.agents.programs.worker.engine import is_ours

__all__ = ["CannotLoad", "class_of", "made", "own_folder", "place"]

_SHAPE: Final = "a program is `package.module:Class`, or `path/file.py:Class` relative to the plan"


class CannotLoad(Exception):
    """The program cannot be made ready. Another attempt would find it no better."""


def class_of(program: str, plan_folder: Path) -> type[Any]:
    """The class that a plan names.

    Raises:
        CannotLoad: there is none, or it is no `dspy.Module`.
    """
    where, _, name = program.rpartition(":")
    if not where or not name.isidentifier():
        raise CannotLoad(f"{program!r} names no program: {_SHAPE}")
    module = _imported(where, plan_folder)
    found = getattr(module, name, None)
    if found is None:
        raise CannotLoad(f"{where} has no class {name}{_there_are(module)}")
    if not isinstance(found, type) or not issubclass(found, dspy.Module):
        raise CannotLoad(f"{name} in {where} is no subclass of dspy.Module, which every program is")
    return found


def made(kind: type[Any], folder: Path) -> Any:
    """An instance, without models of its own.

    Raises:
        CannotLoad: it takes arguments, cannot be made, or brings a model along.
    """
    try:
        module = kind()
    except BaseException as error:
        raise CannotLoad(f"{kind.__name__}() failed{_told(error, folder)}; its class is made without arguments") from error
    _refuse_own_models(module)
    return module


def own_folder(program: str, plan_folder: Path) -> Path:
    """The folder below which files are the user's own: the plan's, or that of the package; the file of a module without a package."""
    where = program.rpartition(":")[0]
    try:
        spec = None if where.endswith(".py") else importlib.util.find_spec(where.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or Path(spec.origin).is_relative_to(plan_folder):
        return plan_folder
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def place(error: BaseException, folder: Path) -> str:
    """`file:line` of the innermost frame in a file below a folder, or of the file that cannot be parsed; else nothing."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    own = [(Path(file), line) for file, line in places if Path(file).is_relative_to(folder)]
    if not own:
        return ""
    file, line = own[-1]
    return f"{folder.name if file == folder else file.relative_to(folder)}:{line}"


def _imported(where: str, plan_folder: Path) -> ModuleType:
    try:
        return _from_file(where, plan_folder) if where.endswith(".py") else importlib.import_module(where)
    except CannotLoad:
        raise
    except BaseException as error:
        raise CannotLoad(f"{where} cannot be imported{_told(error, own_folder(f'{where}:', plan_folder))}") from error


def _from_file(where: str, plan_folder: Path) -> ModuleType:
    file = plan_folder / where
    if ".." in PurePosixPath(where).parts or not file.is_relative_to(plan_folder) or not file.is_file():
        raise CannotLoad(f"there is no file {where} beside the plan")
    sys.path.insert(1, str(file.parent))  # what lies beside it is found as when it is run as a script
    name = f"plan_file_{file.stem}"  # a file may be called like a package, which it must not replace
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _told(error: BaseException, folder: Path) -> str:
    """An error as the middle of a sentence."""
    where = place(error, folder)
    return f" at {where}: {type(error).__name__}: {error}" if where else f": {type(error).__name__}: {error}"


def _there_are(module: ModuleType) -> str:
    own: Mapping[str, Any] = vars(module)
    names = [name for name, each in own.items() if isinstance(each, type) and issubclass(each, dspy.Module)]
    return f"; it has {', '.join(names)}" if names else ""


def _refuse_own_models(module: Any) -> None:
    """Such a model's calls would be neither recorded nor counted, and have no key here."""
    for name, lm in module.named_sub_modules(type_=dspy.BaseLM):
        if not is_ours(lm):
            raise CannotLoad(
                f"{type(module).__name__} has a model of its own at {name} ({lm.model}), whose calls could be neither recorded nor counted:"
                " leave it out, and name the model in the plan by `lm:`"
            )
