"""`{% if_feature "customDomains" %}…{% endif_feature %}`, `{% feature "projects" as left %}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from tallystick.errors import SetupError
from tallystick.integrations.django.gates import access, has_feature

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.template.base import FilterExpression, NodeList, Parser, Token
    from django.template.context import Context

    from tallystick.core.entitlement import Access

__all__ = ["IfFeature", "feature", "if_feature", "register"]

register = template.Library()
"""The tags of this file."""


class IfFeature(template.Node):
    """Shows its first part where the plan of the request's customer includes a feature."""

    def __init__(self, key: FilterExpression, having: NodeList, lacking: NodeList) -> None:
        """Take the feature and both parts."""
        self._key, self._having, self._lacking = key, having, lacking

    def render(self, context: Context) -> str:
        """Write one of the parts."""
        has = has_feature(_request(context), self._key.resolve(context))
        return (self._having if has else self._lacking).render(context)


@register.tag
def if_feature(parser: Parser, token: Token) -> IfFeature:
    """Read the tag up to `{% endif_feature %}`."""
    words = token.split_contents()
    if len(words) != 2:  # noqa: PLR2004 - the tag and the feature
        raise template.TemplateSyntaxError("if_feature takes one feature: {% if_feature 'seats' %}")
    having = parser.parse(("else", "endif_feature"))
    lacking = template.NodeList()
    if parser.next_token().contents == "else":
        lacking = parser.parse(("endif_feature",))
        parser.delete_first_token()
    return IfFeature(parser.compile_filter(words[1]), having, lacking)


@register.simple_tag(takes_context=True)
def feature(context: Context, key: str) -> Access:
    """Give the whole answer: `{% feature "projects" as projects %}{{ projects.remaining }}`."""
    return access(_request(context), key)


def _request(context: Context) -> HttpRequest:
    found: HttpRequest | None = context.get("request")
    if found is None:
        raise SetupError(
            "the template has no request: render it with one, and have "
            "django.template.context_processors.request among the context processors"
        )
    return found
