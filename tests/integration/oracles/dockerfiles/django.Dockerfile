FROM python:3.11-slim-bookworm as python-base

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    \
    PIP_NO_CACHE_DIR=off \
    POETRY_HOME="/opt/poetry" \
    VENV_PATH="/opt/pysetup/.venv"

ENV PATH="$POETRY_HOME/bin:$VENV_PATH/bin:$PATH"

FROM python-base as builder-base
RUN apt-get update \
    && apt-get install --no-install-recommends -y curl build-essential
WORKDIR /opt/pysetup
COPY ./poetry.lock ./pyproject.toml ./
RUN poetry install --no-dev

FROM python-base as production
COPY --from=builder-base $VENV_PATH $VENV_PATH
COPY ./app /app/
EXPOSE 8000 8001/udp
CMD gunicorn -b 0.0.0.0:8000 app.wsgi
