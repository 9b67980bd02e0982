"""Which files of a folder are Terraform code."""

_SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")


def is_code(name: str) -> bool:
    """Whether a file of this name is code of Terraform's or OpenTofu's."""
    return name.endswith(_SUFFIXES)
