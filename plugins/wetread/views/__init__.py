"""Wetread's pages, served by Airflow's web server to whoever is signed in there."""
