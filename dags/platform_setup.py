"""### Create what Wetread needs in its project

Creates buckets with versioning, lifecycle rules and notifications, topics and subscriptions with
dead letters, the dataset with its DICOM and FHIR store, and the secret that keys study keys. Where
the setting `model_image` names an image, deploys its models to endpoints of Vertex AI, which costs
money as long as they are there. Then checks what would otherwise fail silently.

Run it once after a deployment, and again whenever you like: what is there and right is left alone.
Names come from the variable `wetread_settings`; the service account needs the roles that
`docs/how-to/deploy.md` lists.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task

from wetread.operators.defaults import DEFAULT_ARGS

CONNECTION = "google_cloud_default"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["wetread", "platform"],
)
def platform_setup() -> None:
    @task
    def create_topics() -> list[str]:
        """Create the topics first: a store or a bucket with a missing topic refuses writes."""
        from wetread.hooks.installation import Installation

        return Installation(CONNECTION).platform.create_topics()

    @task
    def create_buckets() -> list[str]:
        """Create the buckets and the notification of arrivals."""
        from wetread.hooks.installation import Installation

        return Installation(CONNECTION).platform.create_buckets()

    @task
    def create_stores() -> list[str]:
        """Create the dataset, the DICOM store and the FHIR store."""
        from wetread.hooks.installation import Installation

        return Installation(CONNECTION).platform.create_stores()

    @task
    def create_study_key() -> list[str]:
        """Create the key that study keys are made with."""
        from wetread.hooks.installation import Installation

        return Installation(CONNECTION).platform.create_study_key()

    @task
    def deploy_models() -> list[str]:
        """Deploy the models of the setting `model_image`; nothing where it is empty."""
        from wetread.hooks.model_deployment import deploy_models

        return deploy_models(CONNECTION)

    @task
    def validate() -> None:
        """Check that everything is there and configured as the pipeline relies on."""
        from wetread.hooks.installation import Installation

        Installation(CONNECTION).platform.validate()

    rest = [create_buckets(), create_stores(), create_study_key(), deploy_models()]
    create_topics() >> rest >> validate()


platform_setup()
