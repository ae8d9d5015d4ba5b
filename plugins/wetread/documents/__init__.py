"""What a person reads of a study outside Airflow: files that need nothing but themselves."""
