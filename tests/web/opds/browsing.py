"""A client of the catalogue, in either version: what it sees of a feed, and where the links in it lead."""

import base64
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.test import Client
from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
OPDS = "{http://opds-spec.org/2010/catalog}"
DC = "{http://purl.org/dc/terms/}"
PSE = "{http://vaemendis.net/opds-pse/ns}"
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
ACQUISITION = "http://opds-spec.org/acquisition"
STREAM = "http://vaemendis.net/opds-pse/stream"
FACET = "http://opds-spec.org/facet"


def basic(username: str, password: str, encoding: str = "utf-8") -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode(encoding)).decode()


def content_of(answer: Any) -> bytes:
    """All of an answer's bytes, sent in pieces or not."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@dataclass(frozen=True)
class Browser:
    """Asks for addresses as a client behind a proxy does that serves Tome at `site`, a prefix included."""

    authorization: str
    site: str = "http://testserver"

    def ask(self, address: str, method: str = "GET", **headers: str) -> Any:
        assert address.startswith(self.site + "/"), f"{address} is outside of {self.site}"
        parts = urlsplit(address.removeprefix(self.site))
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {
            "authorization": self.authorization,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return Client(headers=sent).generic(method, path)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask(self.site + path, **headers)

    def head(self, path: str, **headers: str) -> Any:
        return self.ask(self.site + path, "HEAD", **headers)

    def open(self, address: str) -> "Shown":
        if not address.startswith(self.site):
            address = self.site + address
        answer = self.ask(address)
        assert answer.status_code == 200, (address, answer.status_code, answer.content[:200])
        kind = Publications if answer["Content-Type"] == "application/opds+json" else AtomFeed
        return kind(self, address, answer)


@dataclass(frozen=True)
class Link:
    rel: str
    href: str
    type: str
    title: str
    element: Any


@dataclass(frozen=True)
class Shown(ABC):
    """A feed as a client has it in front of it."""

    browser: Browser
    address: str
    answer: Any

    @property
    @abstractmethod
    def links(self) -> list[Link]: ...

    @property
    @abstractmethod
    def titles(self) -> list[str]: ...

    @abstractmethod
    def entry_links(self, title: str) -> list[Link]: ...

    def resolved(self, href: str) -> str:
        return urljoin(self.address, href)

    def link(self, rel: str) -> Link | None:
        return next((link for link in self.links if link.rel == rel), None)

    def follow(self, rel: str) -> "Shown":
        link = self.link(rel)
        assert link is not None, rel
        return self.browser.open(self.resolved(link.href))

    def enter(self, title: str) -> "Shown":
        """The feed that an entry leads to."""
        [link] = [link for link in self.entry_links(title) if "opds" in link.type]
        return self.browser.open(self.resolved(link.href))

    def pages(self) -> "list[Shown]":
        """This page and all that follow."""
        found: list[Shown] = [self]
        while found[-1].link("next"):
            found.append(found[-1].follow("next"))
            assert len(found) < 100
        return found


class AtomFeed(Shown):
    @cached_property
    def root(self) -> Any:
        return etree.fromstring(self.answer.content)

    @property
    def entries(self) -> list[Any]:
        return list(self.root.iterchildren(f"{ATOM}entry"))

    @property
    def titles(self) -> list[str]:
        return [entry.findtext(f"{ATOM}title") for entry in self.entries]

    @property
    def links(self) -> list[Link]:
        return links_in(self.root)

    def entry(self, title: str) -> Any:
        [entry] = [entry for entry in self.entries if entry.findtext(f"{ATOM}title") == title]
        return entry

    def entry_links(self, title: str) -> list[Link]:
        return links_in(self.entry(title))


def links_in(element: Any) -> list[Link]:
    return [
        Link(each.get("rel"), each.get("href"), each.get("type"), each.get("title"), each)
        for each in element.iterchildren(f"{ATOM}link")
    ]


class Publications(Shown):
    @cached_property
    def root(self) -> Any:
        return json.loads(self.answer.content)

    @property
    def entries(self) -> list[Any]:
        return [*self.root.get("navigation", []), *self.root.get("publications", [])]

    @property
    def titles(self) -> list[str]:
        return [each["metadata"]["title"] if "metadata" in each else each["title"] for each in self.entries]

    @property
    def links(self) -> list[Link]:
        return [json_link(each) for each in self.root["links"]]

    def entry(self, title: str) -> Any:
        [entry] = [entry for entry, its in zip(self.entries, self.titles, strict=True) if its == title]
        return entry

    def entry_links(self, title: str) -> list[Link]:
        entry = self.entry(title)
        if "metadata" in entry:
            return [json_link(each) for each in [*entry["links"], *entry.get("images", [])]]
        return [json_link(entry)]


def json_link(said: dict[str, Any]) -> Link:
    return Link(said.get("rel", ""), said["href"], said["type"], said.get("title", ""), said)
