"""Plain clients of the Google APIs: credentials, sessions and endpoints come from outside.

Every failure leaves these modules as one of Wetread's errors, without a URL, an object name or an
identifier in its text: Airflow writes exceptions into logs and into its database.
"""

from wetread.gcp.discretion import keep_urls_out_of_logs

keep_urls_out_of_logs()
