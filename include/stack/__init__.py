"""Starts, watches and stops Wetread's services on one machine: the local cloud and Airflow."""
