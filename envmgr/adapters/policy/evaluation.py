"""The program that evaluates policies: a process of its own, since its engine is native code that reads strangers' plans.

It gets one JSON document and gives one, `{"deny": …, "warn": …}` or `{"error": …}`; whatever else it does is a failure.
"""

import base64
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

_MEMORY, _SECONDS = 2 * 1024**3, 30
_USED_UP = 3
_END = "envmgr_end_of_file"
_RULES = ("deny", "warn")
_ANSWER_NAME = "envmgr_answer"
# Each value by itself, and encoded: the engine writes some texts so that nothing around them can be read.
_ANSWER = f"""package {_ANSWER_NAME}
said(value) := [base64.encode(json.marshal(each)) | some each in value] if is_set(value)
said(value) := [base64.encode(json.marshal(each)) | some each in value] if is_array(value)
said(value) := [base64.encode(json.marshal(key)) | _ = value[key]] if is_old_set(value)
said(value) := [base64.encode(json.marshal(value))] if {{
  not is_set(value)
  not is_array(value)
  not is_old_set(value)
}}
is_old_set(value) if {{
  is_object(value)
  not has_other(value)
}}
has_other(value) if {{ value[_] != true }}
"""


def main() -> None:
    """Evaluates what stands in the standard input."""
    answer = os.dup(1)
    # The engine prints its errors itself.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    threading.Thread(target=_watch, daemon=True).start()
    os.write(answer, json.dumps(_evaluated(json.load(sys.stdin))).encode())


def _watch() -> None:
    """Ends this process where it takes too much memory: its engine begins with a larger room than any limit of the kernel's allows."""
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        with open("/proc/self/statm") as file:  # noqa: PTH123  what this program loads it pays for at each start
            if int(file.read().split()[1]) * page > _MEMORY:
                os._exit(_USED_UP)
        time.sleep(0.02)


def _evaluated(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    from regopy import Input, Interpreter, RegoError

    engine = Interpreter()
    engine.strict_built_in_errors = True
    for call, where in asked["calls"].items():
        if not engine.is_builtin(call):
            return {"error": f"{where}: there is no function `{call}`"}
    ends = []
    for number, module in enumerate(asked["modules"]):
        ends.append(f"data.{module['package']}.{_END}_{number}")
        try:
            # A file that the engine reads only in part has no end.
            engine.add_module(module["name"], f"{module['text']}\n{_END}_{number} := true\n")
        except RegoError as error:
            return {"error": f"{module['name']}: it does not parse ({_said(str(error))})"}
    engine.add_module(_ANSWER_NAME, _ANSWER)
    engine.set_input(Input(_escaped(asked["input"])))
    said = [f'data.{_ANSWER_NAME}.said(object.get(data.envmgr, "{rule}", null))' for rule in _RULES]
    output = engine.query(f"[{', '.join([*said, *ends])}]")
    if not output.ok():
        return {
            "error": "a rule cannot be evaluated: a function was given what it does not take, or a value has two"
        }
    found = output[0].expressions[0] if output[0].expressions else []
    if len(found) != len(_RULES) + len(ends) or found[len(_RULES) :] != [True] * len(ends):
        return {"error": "not all of it was evaluated"}
    return {rule: [_value(each) for each in found[index]] for index, rule in enumerate(_RULES)}


def _escaped(value: Any) -> Any:
    """An input as the engine keeps texts: with their escapes, as they stand in JSON and in policies."""
    match value:
        case str():
            if value.isprintable() and '"' not in value and "\\" not in value:
                return value  # nearly all of them
            return json.dumps(value, ensure_ascii=False)[1:-1]
        case dict():
            return {_escaped(key): _escaped(each) for key, each in value.items()}
        case list():
            return [_escaped(each) for each in value]
        case _:
            return value


def _value(encoded: str) -> Any:
    """A value as the engine wrote it; of one that it wrote wrongly (quotes within a text) the text."""
    written = base64.b64decode(encoded).decode(errors="replace")
    try:
        written = json.loads(f'"{written}"')
        return json.loads(written)
    except ValueError:
        return written.removeprefix('"').removesuffix('"')


def _said(text: str) -> str:
    """What the engine says of an error, out of its own notation."""
    for line in text.splitlines():
        if "(errormsg " in line:
            return line.partition(":")[2].rstrip(")")
    return "no reason given"


if __name__ == "__main__":
    main()
