"""Every generated page by its path."""

from __future__ import annotations

from pathlib import Path

from tools.docs import (
    analyses,
    catalogues,
    dags,
    fhir_example,
    operators,
    results,
    settings,
    stack,
    state,
)


def generated_pages(repository: Path) -> dict[str, str]:
    """Return the text of each page by its path in the repository."""
    return {
        "docs/reference/settings.md": settings.page_text(),
        "docs/reference/analyses.md": analyses.page_text(),
        "docs/reference/errors.md": catalogues.errors_page(repository / "include/stack"),
        "docs/reference/outcomes.md": catalogues.outcomes_page(),
        "docs/reference/critical-findings.md": catalogues.critical_findings_page(),
        "docs/reference/fhir-example.md": fhir_example.page_text(),
        "docs/reference/codes.md": results.codes_page(),
        "docs/reference/result-rules.md": results.rules_page(),
        "docs/reference/operators.md": operators.page_text(),
        "docs/reference/dags.md": dags.page_text(repository / "dags"),
        "docs/reference/state-bucket.md": state.page_text(),
        "docs/reference/local-stack.md": stack.page_text(repository),
    }
