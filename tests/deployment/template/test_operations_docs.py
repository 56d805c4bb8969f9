"""The reference tables of docs/operations.md list what the template deploys and the code measures, and nothing else."""

import re
from pathlib import Path

from core.metrics import METRICS
from tests.deployment.template.test_template import Template, of_type

ROOT = Path(__file__).parents[3]


def table(heading: str, first_column: str) -> list[list[str]]:
    """The cells of each row of the table in that chapter whose first column has this name."""
    chapter = (ROOT / "docs/operations.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = iter(chapter.splitlines())
    assert any(line.startswith(f"| {first_column} |") for line in lines), f"no table of {first_column} in {heading}"
    next(lines)  # the rule under the names of the columns
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(heading: str, first_column: str) -> list[str]:
    """What the rows of a table are about: one name in backticks each."""
    return [name_in(row[0]) for row in table(heading, first_column)]


def name_in(cell: str) -> str:
    found = re.fullmatch(r"`(\w+)`", cell)
    assert found, f"a row is about one name in backticks, not about: {cell}"
    return found[1]


def test_every_output_is_described(transformed: Template) -> None:
    assert sorted(names("Outputs", "output")) == sorted(transformed["Outputs"])


def test_every_parameter_is_described_with_its_default(transformed: Template) -> None:
    described = {name_in(name): default for name, default, *_ in table("Parameters", "parameter")}
    deployed = {}
    for name, parameter in transformed["Parameters"].items():
        default = parameter.get("Default")
        deployed[name] = "required" if default is None else f"`{default}`" if default != "" else "empty"
    assert described == deployed
    assert len(table("Parameters", "parameter")) == len(deployed), "a parameter is described twice"


def test_every_alarm_says_what_the_table_says_and_links_to_its_section_of_the_runbook(transformed: Template) -> None:
    described = {}
    for name, text in table("Alarms", "alarm"):
        found = re.fullmatch(r"\[`(\w+)`\]\(runbook\.md#(\w+)\)", name)
        assert found, f"a row is about one alarm, which links to its section, not about: {name}"
        described[found[1]] = f"{text} What to do: ${{RunbookUrl}}#{found[2]}"
    assert described == {
        name: alarm["AlarmDescription"]["Fn::Sub"]
        for name, alarm in of_type(transformed, "AWS::CloudWatch::Alarm").items()
    }
    assert max(map(len, described.values())) < 300, "a mail or a phone shows the whole text"


def test_every_alarm_has_a_section_of_the_runbook_that_says_how_to_look_what_to_do_and_when_it_ends(
    transformed: Template,
) -> None:
    _, *parts = re.split(r"^## ", (ROOT / "docs/runbook.md").read_text(), flags=re.MULTILINE)
    sections = {title: text for title, _, text in (part.partition("\n") for part in parts)}
    assert set(sections) == {"Reading logs", *of_type(transformed, "AWS::CloudWatch::Alarm")}
    assert len(parts) == len(sections), "an alarm has two sections"
    for name in set(sections) - {"Reading logs"}:
        said = [word for word in ("Means", "Look", "do", "Ends") if f"**{word}" in sections[name].replace("Do.", "do.")]
        assert said == ["Means", "Look", "do", "Ends"], name


def test_the_runbook_names_log_groups_of_the_template(transformed: Template) -> None:
    named = set(re.findall(r"`(\w+Logs)`", (ROOT / "docs/runbook.md").read_text()))
    assert len(named) > 5
    assert named <= set(of_type(transformed, "AWS::Logs::LogGroup"))


def test_every_log_group_is_described(transformed: Template) -> None:
    assert sorted(names("Logs", "log group")) == sorted(of_type(transformed, "AWS::Logs::LogGroup"))


def test_every_metric_is_described_with_its_dimension() -> None:
    rows = table("Metrics and dashboard", "metric")
    described = {name_in(name): name_in(dimension) if dimension else None for name, dimension, *_ in rows}
    assert described == {name: metric.by for name, metric in METRICS.items()}
    assert len(rows) == len(METRICS), "a metric is described twice"


def test_the_page_about_costs_counts_what_costs_money_every_month(transformed: Template) -> None:
    alarms = of_type(transformed, "AWS::CloudWatch::Alarm")
    mappings = of_type(transformed, "AWS::Lambda::EventSourceMapping").values()
    polled = [each for each in mappings if "Queue" in str(each["EventSourceArn"])]
    secrets = [*of_type(transformed, "AWS::SecretsManager::Secret"), "the provider's key"]
    page = (ROOT / "docs/deploying.md").read_text()
    assert (len(secrets), len(polled)) == (2, 4)
    assert f"{len(alarms)} alarms" in page
    assert "two secrets" in page
    assert "the polling of four queues" in page
