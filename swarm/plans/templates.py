"""Jinja2 templates of a plan, looked at without rendering them."""

__all__ = ["referenced_templates", "template_fault"]


def template_fault(content: bytes) -> str | None:
    """Why a text is no template, with its line; None when it is one."""
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        ImmutableSandboxedEnvironment().parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 text: byte {error.start}"
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    return None


def referenced_templates(content: bytes) -> set[str]:
    """The templates that one includes, extends or imports by name."""
    from jinja2 import TemplateError, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        parsed = ImmutableSandboxedEnvironment().parse(content.decode("utf-8"))
    except (TemplateError, UnicodeDecodeError):
        return set()
    return {name for name in meta.find_referenced_templates(parsed) if name is not None}
