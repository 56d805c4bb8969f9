"""The tables of docs/providers.md say what the catalog says."""

import re
from collections.abc import Callable, Iterator

import pytest

from core import catalog
from core.catalog import Inputs, Model, Option, SizeRule
from local.processes import ROOT

PAGE = (ROOT / "docs" / "providers.md").read_text()
CATALOG = catalog.load()


def models_of(provider: str) -> Iterator[str]:
    yield "| model | makes | `n` | `size` | `output_format` | inputs of an edit | price | as of | ends |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for model in models(provider):
        rules = model.rules
        formats = rules.parameters.get("output_format")
        cells = (
            f"`{model.name}`",
            " and ".join({"generation": "images", "edit": "edits"}[each] for each in rules.operations),
            str(rules.n_max),
            sizes(rules.size),
            " ".join(formats.values) if formats else "its own",
            inputs(rules.inputs),
            price(model),
            rules.prices.as_of.isoformat(),
            model.retired_on.isoformat() if model.retired_on else "",
        )
        yield f"| {' | '.join(cells)} |"


def options_of(provider: str) -> Iterator[str]:
    """Equal options of several models share a row."""
    found: dict[tuple[str, Option], list[str]] = {}
    for model in models(provider):
        for name, option in model.rules.options.items():
            found.setdefault((name, option), []).append(f"`{model.name}`")
    yield "| option | of | accepts | meaning |"
    yield "|---|---|---|---|"
    for (name, option), names in sorted(found.items(), key=lambda row: (-len(row[1]), row[0][0])):
        required = " (required)" if option.required else ""
        yield f"| `{name}`{required} | {', '.join(names)} | {accepted(option)} | {option.about} |"


def sizes_of(provider: str) -> Iterator[str]:
    rules = {model.name: model.rules.size for model in models(provider) if model.rules.size and model.rules.size.ratios}
    ratios = list(dict.fromkeys(ratio for rule in rules.values() for ratio in rule.ratios))
    columns: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, rule in rules.items():
        columns.setdefault(tuple(rule.ratios.items()), []).append(f"`{name}`")
    yield f"| ratio | {' | '.join(', '.join(names) for names in columns.values())} |"
    yield f"|---|{'---|' * len(columns)}"
    for ratio in ratios:
        yield f"| {ratio} | {' | '.join(dict(column).get(ratio, '') for column in columns)} |"


def models(provider: str) -> list[Model]:
    return [model for model in CATALOG.newest_first() if model.provider == provider]


def sizes(rule: SizeRule | None) -> str:
    if rule is None:
        return "none"
    auto = ["auto"] if rule.auto else []
    if rule.flexible:
        return "flexible"
    if rule.ratios:
        scales = [scale for scale in rule.scales if scale]
        return " ".join(
            [f"{len(rule.ratios)} ratios", *(["at", *scales] if scales else []), *(["or auto"] if auto else [])]
        )
    return " ".join([*rule.fixed, *auto])


def inputs(rule: Inputs | None) -> str:
    if rule is None:
        return ""
    several = f"{rule.min_count} to {rule.max_count}" if rule.max_count > rule.min_count else str(rule.max_count)
    mask = ["a mask" if rule.mask_required else "mask"] if rule.mask else []
    return ", ".join([several, *mask, *(["markup"] if rule.markup else [])])


def price(model: Model) -> str:
    prices = model.rules.prices
    if prices.per_image is not None:
        each = sorted(price for row in prices.per_image.values() for price in row.values())
        return " to ".join(dict.fromkeys((dollars(each[0]), dollars(each[-1])))) + " an image"
    return " / ".join(map(dollars, (prices.text_in, prices.image_in, prices.image_out, prices.text_out)))


def dollars(micro_usd: int) -> str:
    if not micro_usd:
        return "0"
    cents, rest = f"{micro_usd / 1_000_000:.6f}"[:-4], f"{micro_usd:06d}"[-4:].rstrip("0")
    return f"${cents}{rest}"


def accepted(option: Option) -> str:
    if option.kind == "text":
        return " ".join(f"`{value}`" for value in option.values) or f"text of up to {option.max_length:,} characters"
    return f"{'a whole number' if option.kind == 'integer' else 'a number'} from {option.min:g} to {option.max:.10g}"


TABLES: list[tuple[str, Callable[[str], Iterator[str]], str]] = [
    *((f"models of {provider}", models_of, provider) for provider in CATALOG.providers),
    ("options of bedrock", options_of, "bedrock"),
    ("sizes of gemini", sizes_of, "gemini"),
    ("sizes of bedrock", sizes_of, "bedrock"),
]


@pytest.mark.parametrize(("name", "rows", "provider"), TABLES, ids=[name for name, _, _ in TABLES])
def test_the_page_shows_what_the_catalog_says(name: str, rows: Callable[[str], Iterator[str]], provider: str) -> None:
    shown = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", PAGE, re.DOTALL)
    assert shown, f"the page has no <!-- {name} -->"
    assert shown[1] == "".join(f"{row}\n" for row in rows(provider))


def test_the_page_names_the_source_of_every_price() -> None:
    assert {model.rules.prices.source for model in CATALOG.models.values()} <= set(re.findall(r"https://[^)\s]+", PAGE))


def test_every_option_of_every_provider_is_on_the_page() -> None:
    with_options = {model.provider for model in CATALOG.models.values() if model.rules.options}
    assert {f"options of {provider}" for provider in with_options} <= {name for name, _, _ in TABLES}
