# The tool and the service in one image.
#
#   docker build -t howdah .
#   docker run --rm -v "$PWD:/data" howdah inspect /data/app.db
#
# Debian-based, because the drivers ship no wheels for musl; on PostgreSQL's own image, because
# backups want client tools of the server's major, and drills and rehearsals want its server. For another
# major: --build-arg POSTGRES_MAJOR=17.
ARG POSTGRES_MAJOR=16

FROM postgres:${POSTGRES_MAJOR}-bookworm AS base
RUN apt-get update \
    && apt-get install --no-install-recommends --yes python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN apt-get update && apt-get install --no-install-recommends --yes python3-venv
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python3 -m venv /opt/howdah && /opt/howdah/bin/pip install --no-cache-dir ".[images,serve]"

FROM base
COPY --from=build /opt/howdah /opt/howdah
RUN useradd --system --uid 10001 --home-dir /var/lib/howdah --create-home howdah
ENV PATH=/opt/howdah/bin:$PATH HOWDAH_HOME=/var/lib/howdah PYTHONUNBUFFERED=1
USER howdah
WORKDIR /var/lib/howdah
# Runs, snapshots, reports: mount something durable here. The base image's own volume stays unused.
VOLUME /var/lib/howdah
ENTRYPOINT ["howdah"]
CMD ["--help"]
