"""Which resources take their tags from the variable `tags`, as the configuration in a plan's document shows."""

from collections.abc import Iterator, Mapping
from typing import Any

_GIVEN = frozenset({"tags"})


def tagged_by_variable(configuration: Mapping[str, Any]) -> frozenset[str]:
    """The addresses, without index keys, of the resources whose `tags` refer to the root's `var.tags`.

    Inputs of modules are followed. Locals are not: the document does not say what they hold.
    """
    return frozenset(_tagged(configuration.get("root_module") or {}, "", _GIVEN))


def _tagged(module: Mapping[str, Any], prefix: str, inputs: frozenset[str]) -> Iterator[str]:
    for resource in module.get("resources") or ():
        if _refers(resource.get("expressions", {}).get("tags"), inputs):
            yield prefix + resource["address"]
    for name, call in (module.get("module_calls") or {}).items():
        given = call.get("expressions") or {}
        inner = frozenset(key for key, expression in given.items() if _refers(expression, inputs))
        if inner:
            yield from _tagged(call.get("module") or {}, f"{prefix}module.{name}.", inner)


def _refers(expression: object, inputs: frozenset[str]) -> bool:
    """Whether an attribute's expression refers to one of these inputs as a whole."""
    references = expression.get("references") if isinstance(expression, Mapping) else None
    return any(f"var.{name}" in (references or ()) for name in inputs)
