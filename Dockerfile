FROM python:3.11-slim

# A fixed number, so that the owner of a mounted folder can be set to it.
RUN useradd --uid 1000 --create-home tome \
    && install --directory --owner=tome --group=tome --mode=700 /data \
    && install --directory --owner=tome --group=tome /library
WORKDIR /app

# Before the code, so that a change of code alone leaves this layer as it is.
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER 1000
# Away from the sources: what runs is the installed package.
WORKDIR /data
ENV TOME_DATA_DIR=/data TOME_LIBRARY_DIR=/library TOME_HOST=0.0.0.0
VOLUME ["/data"]
EXPOSE 8080
ENTRYPOINT ["tome"]
CMD ["up"]
