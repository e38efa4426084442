"""Lint the Helm chart, render it with the values on standard input, and hold each manifest against Kubernetes' schemas.

Runs in the virtual environment of the deployment tools and prints the manifests as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

CHART, KUBERNETES = "deploy/helm/tpi", "1.30"
_INFORMATION = 1


def main() -> None:
    import helm_python
    import kubernetes_validate
    import yaml

    values: dict[str, Any] = json.load(sys.stdin)
    report = helm_python.lint(CHART, values, strict=True)
    found = [message for message in report["messages"] if message["severity"] > _INFORMATION]
    if found or report["errors"]:
        sys.exit(f"helm lint: {found} {report['errors']}")
    with helm_python.Chart.load(CHART) as chart:
        try:
            texts = chart.render(values, name="demo", namespace="tpi")
        except helm_python.HelmRenderError as error:
            sys.exit(f"helm: {error}")
    manifests = [
        manifest
        for path, text in sorted(texts.items())
        if path.endswith(".yaml")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    json.dump(manifests, sys.stdout)


if __name__ == "__main__":
    main()
