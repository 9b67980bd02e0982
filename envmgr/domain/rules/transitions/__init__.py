"""How an environment's record goes from one state to the next: pure functions over the record as it is stored now.

Each takes the record first and gives it as it is to be. Whoever writes one hands a `Change` to the store, which applies
it, within its transaction, to what is recorded at that moment: so what the poller or a person wrote since the work
began stays, and a field that no transition names is never touched. Only the standard library and the domain go in.
"""

from collections.abc import Callable

from envmgr.domain.values.environment import Environment

Change = Callable[[Environment], Environment]
"""What becomes of a record, whatever it says by then; an exception keeps all as it is."""
