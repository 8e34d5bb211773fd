"""The quality stage: every suite judged with Great Expectations, and the verdicts as pages without a value in them.

This is the one module that uses Great Expectations, imported inside the functions because it takes seconds to load.
It is called with an ephemeral context, in-memory frames and a result format that counts and never shows: no page and
no table tells a value of a text column. Its renderers make the pages in memory, so the stage stays a pure function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from settlement.check import data_docs
from settlement.check.suites import SUITES, Form, Rule, Suite, clearing_suites
from settlement.errors import TerminalError
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations import Expectation
    from great_expectations.render.view import DefaultJinjaPageView

# Great Expectations holds about 0.9 GiB a million rows.
ROW_LIMIT: Final = 2_000_000
# It counts the rows that fail. Other formats also put together which rows those are.
_RESULT_FORMAT: Final = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    page: data_docs.Page
    rows: pl.DataFrame


def run(inputs: StageInput) -> StageOutput:
    """Judge every table of the night.

    Returns
    -------
    StageOutput
        Table ``expectation``, one row a rule; files ``index.html`` and ``<suite>.html``. A table without rows is
        not judged, which the index says. The verdict depends on the tables alone, not on the order of their rows.
    """
    suites = (*clearing_suites(inputs.tables["clearing"]), *SUITES)
    pages, rows, skipped = [], [TABLES["expectation"].empty()], []
    batches, view = _batches(), _view()
    for suite in suites:
        if inputs.tables[suite.table].is_empty():
            skipped.append(suite.title)
            continue
        judged = _judge(batches, view, suite, inputs)
        pages.append(judged.page)
        rows.append(judged.rows)
    if inputs.tables["clearing"].is_empty():
        skipped.insert(0, "Clearing records")
    files = {f"{page.name}.html": data_docs.render_page(page, inputs.business_date) for page in pages}
    files["index.html"] = data_docs.render_index(tuple(pages), tuple(skipped), inputs.business_date)
    table = pl.concat(rows).sort(TABLES["expectation"].key)
    return StageOutput(tables={"expectation": table}, files=files)


def _batches() -> BatchDefinition[Any]:
    import great_expectations as gx  # noqa: PLC0415 (seconds to load)

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = {"globally": False}
    # One for all suites: the context writes itself out anew for each that is added to it or taken away.
    return (
        context.data_sources.add_pandas("night")
        .add_dataframe_asset("table")
        .add_batch_definition_whole_dataframe("rows")
    )


def _view() -> DefaultJinjaPageView:
    from great_expectations.render.view import DefaultJinjaPageView  # noqa: PLC0415 (seconds to load)

    return DefaultJinjaPageView()


def _judge(batches: BatchDefinition[Any], view: DefaultJinjaPageView, suite: Suite, inputs: StageInput) -> _Judged:
    from great_expectations.core import ExpectationSuite  # noqa: PLC0415 (seconds to load)
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer  # noqa: PLC0415

    frame = suite.rows(inputs.business_date, inputs.tables)
    total = frame.height
    if total > ROW_LIMIT:
        frame = frame.sort(TABLES[suite.table].key).head(ROW_LIMIT)
    batch = batches.get_batch({"dataframe": frame.select(suite.columns).to_pandas()})
    expectations = [_expectation(rule) for rule in suite.rules]
    result = batch.validate(ExpectationSuite(name=suite.name, expectations=expectations), result_format=_RESULT_FORMAT)
    html = view.render(ValidationResultsPageRenderer().render(result))
    rows = _rows(suite, result, frame.height)
    page = data_docs.Page(
        name=suite.name,
        title=suite.title,
        table_doc=TABLES[suite.table].doc,
        rules=rows.height,
        held=int(rows["success"].sum()),
        rows=frame.height,
        rows_in_table=total,
        html=html,
    )
    return _Judged(page=page, rows=rows)


def _expectation(rule: Rule) -> Expectation:  # noqa: PLR0911 (one return a form)
    import great_expectations.expectations as gxe  # noqa: PLC0415 (seconds to load)

    column = rule.columns[0]
    match rule.form:
        case Form.PRESENT:
            return gxe.ExpectColumnValuesToNotBeNull(column=column, description=rule.text)
        case Form.UNIQUE if len(rule.columns) == 1:
            return gxe.ExpectColumnValuesToBeUnique(column=column, description=rule.text)
        case Form.UNIQUE:
            return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(rule.columns), description=rule.text)
        case Form.ONE_OF:
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(rule.values), description=rule.text)
        case Form.BETWEEN:
            return gxe.ExpectColumnValuesToBeBetween(
                column=column, min_value=rule.minimum, max_value=rule.maximum, description=rule.text
            )
        case Form.MATCHES:
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=rule.pattern, description=rule.text)
        case Form.NEVER_MATCHES:
            return gxe.ExpectColumnValuesToNotMatchRegex(column=column, regex=rule.pattern, description=rule.text)


def _rows(suite: Suite, result: ExpectationSuiteValidationResult, height: int) -> pl.DataFrame:
    found = []
    for verdict in result.results:
        config = verdict.expectation_config
        counted: Mapping[str, Any] = verdict.result
        if config is None or "unexpected_count" not in counted:
            # Great Expectations turns an error inside a rule into a verdict; an error is never a finding.
            raise TerminalError(
                f"Suite {suite.name}: Great Expectations could not judge {config.type if config else 'a rule'}: "
                "mend it in settlement/check/suites.py."
            )
        columns = config.kwargs.get("column_list") or [config.kwargs["column"]]
        found.append(
            {
                "suite": suite.name,
                "expectation": config.type,
                "column": ", ".join(columns),
                "success": bool(verdict.success),
                "rows": height,
                "unexpected": int(counted["unexpected_count"]),
            }
        )
    return pl.DataFrame(found, schema=TABLES["expectation"].schema)
