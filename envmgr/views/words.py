"""Words that all doors to envmgr say alike."""


def counted(number: int, one: str, many: str = "") -> str:
    """`1 repository`, `2 repositories`; without `many` an s is added."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
