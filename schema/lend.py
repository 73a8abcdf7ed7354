"""Lending the services' value objects to GraphQL, with the docstrings that they have there."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from functools import wraps
from itertools import pairwise
from typing import Annotated, Any, TypeVar, get_origin, get_type_hints

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.enum import StrawberryEnumDefinition

from services.view import Answer

T = TypeVar("T", bound=type)
E = TypeVar("E", bound=type[Enum])
A = TypeVar("A", bound=type[Answer])


def lend(cls: T, resolved: Mapping[str, Any] | None = None) -> T:
    """Make a dataclass a GraphQL type, in place.

    `resolved` are fields beside those of the class. A field whose metadata says `private` is left
    out. Raises `TypeError` for what has no docstring.
    """
    docs = attribute_docs(cls)
    for name, field in (resolved or {}).items():
        setattr(cls, name, field)
        docs[name] = field.description
    hidden = {field.name for field in fields(cls) if field.metadata.get("private")}
    for name in hidden:
        cls.__annotations__[name] = strawberry.Private[object]
    strawberry.type(cls, description=_summary(cls))
    for field in cls.__strawberry_definition__.fields:  # type: ignore[attr-defined]  # set by strawberry.type
        field.description = _described(cls, field.python_name, docs)
        if field.python_name == "id":
            field.type_annotation = StrawberryAnnotation(strawberry.ID)
    return cls


def lend_answer(cls: A) -> A:
    """Make the methods of an answer the fields of a GraphQL type, in place.

    Raises `TypeError` for a method without a docstring.
    """
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_"):
            setattr(cls, name, _field_of(cls, method))
    cls.__annotations__ = {"view": strawberry.Private[object]}
    return strawberry.type(cls, description=_summary(cls))


def _field_of(cls: type, method: Callable[..., Any]) -> Any:  # noqa: ANN401  # a field of any type
    if not method.__doc__:
        raise TypeError(f"{cls.__module__}.{cls.__name__}.{method.__name__} has no docstring")
    hints = get_type_hints(method, include_extras=True)

    @wraps(method)
    def resolve(*args: object, **kwargs: object) -> object:
        return method(*args, **kwargs)

    resolve.__annotations__ = {
        name: _argument(hint) for name, hint in hints.items() if name != "self"
    }
    resolve.__signature__ = inspect.signature(method).replace(  # type: ignore[attr-defined]  # what `inspect` reads
        parameters=[
            parameter.replace(annotation=_argument(hints.get(name, parameter.annotation)))
            for name, parameter in inspect.signature(method).parameters.items()
        ],
        return_annotation=hints["return"],
    )
    return strawberry.field(resolve, description=" ".join(method.__doc__.split()))


def _argument(hint: Any) -> Any:  # noqa: ANN401  # a type
    """Return a type that is annotated with a text as an argument that the text describes."""
    if get_origin(hint) is Annotated and isinstance(hint.__metadata__[0], str):
        return Annotated[hint.__origin__, strawberry.argument(description=hint.__metadata__[0])]
    return hint


def lend_enum(enum: E, descriptions: Mapping[str, str] | None = None) -> E:
    """Make an enum a GraphQL enum, in place. Raises `TypeError` for what has no docstring."""
    docs = descriptions or attribute_docs(enum)
    if not hasattr(enum, "__strawberry_definition__"):
        # Strawberry has made those enums itself that an argument of a resolver has mentioned.
        strawberry.enum(enum)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # just seen to
    definition.description = _summary(enum)
    for value in definition.values:
        value.description = _described(enum, value.name, docs)
    return enum


def attribute_docs(cls: type) -> dict[str, str]:
    """Return the docstring under each attribute of a class, as one paragraph."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = tree.body[0].body  # type: ignore[attr-defined]  # the source of a class is a class
    docs = {}
    for statement, following in pairwise(body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement
        name = getattr(getattr(target, "target", target), "id", None)
        if name and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            docs[name] = " ".join(str(following.value.value).split())
    return docs


def _summary(cls: type) -> str:
    return " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())


def _described(cls: type, name: str, docs: Mapping[str, str]) -> str:
    if name not in docs:
        raise TypeError(f"{cls.__module__}.{cls.__name__}.{name} has no docstring")
    return docs[name]
