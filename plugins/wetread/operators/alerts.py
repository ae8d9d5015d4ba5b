"""Raise the alerts that a person must answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wetread.operators.study import StudyResultOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RaiseAlertOperator(StudyResultOperator):
    """Publish one message per critical finding, without any identifier of the patient.

    An alert that was published is remembered, so that a cleared task does not repeat it; a worker
    that dies between the two publishes it twice, and ``alert_id`` tells the consumer.

    Returns ``{"alerts": …, "category": …}``; the category is the most urgent one, or 0.
    """

    def write(self, context: Context) -> dict[str, int]:
        from wetread.core.alerts.alert import critical_alerts
        from wetread.core.alerts.message import alert_message

        alerts = critical_alerts(self.records.findings())
        state, topic = self.installation.state, self.installation.critical_alerts
        for alert in alerts:
            if not state.is_alert_published(self.version, alert.alert_id):
                data, attributes = alert_message(alert)
                message_id = topic.publish(data, attributes, f"alert of {self.version}")
                state.record_alert(self.version, alert.alert_id, message_id)
        result = {
            "alerts": len(alerts),
            "category": min((alert.category for alert in alerts), default=0),
        }
        self.log.info("Raised alerts for %s: %s", self.version, result)
        return result
