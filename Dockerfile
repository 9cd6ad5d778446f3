# One image for worker, gateway and preparation; which of them runs is the command's business (docker-compose.yml).
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS packages
COPY requirements.lock /
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /requirements.lock

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home pegline
COPY --from=packages /venv /venv
WORKDIR /app
COPY activities activities
COPY adapters adapters
COPY canonical canonical
COPY console console
COPY decisions decisions
COPY gateway gateway
COPY landscape landscape
COPY ledger ledger
COPY policies policies
COPY runtime runtime
COPY backtest backtest
COPY workflows workflows
COPY cli.py settings.py worker.py ./
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER pegline
CMD ["python", "worker.py"]
