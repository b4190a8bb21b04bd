# One image: the command `simpleflow` for deciders, workers and the service, and (script/docker-run) a place to develop.
FROM python:3.12-slim

COPY pyproject.toml setup.py README.rst LICENSE MANIFEST.in /src/
COPY simpleflow /src/simpleflow
RUN pip install --no-cache-dir /src && rm -rf /src \
    && useradd --create-home simpleflow \
    && mkdir -p /code/.venv /data && chown -R simpleflow /code /data && chmod 1777 /code/.venv

USER simpleflow
WORKDIR /code
EXPOSE 7933
ENV HOME=/home/simpleflow PYTHONUNBUFFERED=1
ENTRYPOINT ["simpleflow"]
CMD ["--help"]
