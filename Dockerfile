# Two images from hashed locks: `airflow` (every Airflow component) and `localcloud`.
# docker-compose.yaml builds and runs both.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS installer
WORKDIR /build
COPY requirements-bootstrap.lock ./
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements-bootstrap.lock
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never

FROM installer AS airflow-environment
COPY requirements.lock ./
RUN uv venv /opt/environment \
 && uv pip sync --python /opt/environment/bin/python --require-hashes --compile-bytecode requirements.lock

FROM installer AS localcloud-environment
COPY include/localcloud include/localcloud
RUN uv venv /opt/environment \
 && uv pip sync --python /opt/environment/bin/python --require-hashes --compile-bytecode \
    include/localcloud/requirements.lock \
 && uv pip install --python /opt/environment/bin/python --no-deps \
    --build-constraints requirements-bootstrap.lock include/localcloud

FROM ${PYTHON_IMAGE} AS base
RUN useradd --uid 10001 --user-group --create-home wetread \
 && install --directory --owner wetread --group wetread /var/lib/wetread
ENV PATH=/opt/environment/bin:$PATH PYTHONUNBUFFERED=1

FROM base AS localcloud
COPY --from=localcloud-environment /opt/environment /opt/environment
USER wetread
CMD ["localcloud", "--data", "/var/lib/wetread"]

FROM base AS airflow
COPY --from=airflow-environment /opt/environment /opt/environment
WORKDIR /opt/wetread
COPY airflow_settings.yaml ./
COPY include include
COPY plugins plugins
COPY dags dags
# The installed packages know Wetread's sources by these folders, as on a laptop.
ENV AIRFLOW_HOME=/home/wetread/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/wetread/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/wetread/plugins \
    PYTHONPATH=/opt/wetread/include
USER wetread
CMD ["airflow", "version"]
