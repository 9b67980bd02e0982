"""From the bytes of a YAML file to a checked model: of organization files, settings and branch files alike."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from .problems import problems_of
from .yaml_tree import Problem, Tree, read_yaml

_Model = TypeVar("_Model", bound=BaseModel)


def parse(content: bytes, *, trusted: bool = True) -> Tree:
    """Reads a file's content; what is wrong with it, its encoding too, is in the tree's problems."""
    try:
        return read_yaml(content.decode("utf-8-sig"), trusted=trusted)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Tree(problems=[Problem(line, (), "it is not UTF-8 text; save it as UTF-8")])


def validate(tree: Tree, model: type[_Model], value: object) -> _Model | None:
    """The model of a value; None where it is none: then the tree says why."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        tree.problems.extend(problems_of(error, model, tree))
        return None


def lines(name: str, tree: Tree) -> list[str]:
    """The problems of a file, one a line, in the order of the file: `name:line: path: what and how to fix it`."""
    return [f"{name}:{problem}" for problem in sorted(tree.problems, key=lambda problem: problem.line)]
