"""What a browser shows for a link whose code is worth nothing: what to do, in the languages of the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    title: str
    why: str
    how: str
    known: str
    still: str


WORDS = {
    "en": Words(
        "This link does not open the page",
        "Each link opens it once, and this one was used, is too old, or was not copied in full.",
        "On the machine that p2pd runs on, this command opens the page or prints a new link:",
        "If this browser had the page before,",
        "it may still open it",
    ),
    "de": Words(
        "Dieser Link öffnet die Seite nicht",
        "Jeder Link öffnet sie nur einmal. Dieser wurde schon benutzt, ist zu alt oder nicht vollständig kopiert.",
        "Auf dem Rechner, auf dem p2pd läuft, öffnet dieser Befehl die Seite oder gibt einen neuen Link aus:",
        "Wenn dieser Browser die Seite schon einmal geöffnet hat,",
        "geht es vielleicht noch ohne Link",
    ),
    "fr": Words(
        "Ce lien n’ouvre pas la page",
        "Chaque lien ne l’ouvre qu’une fois. Celui-ci a déjà servi, est trop ancien ou n’a pas été copié en entier.",
        "Sur l’ordinateur où tourne p2pd, cette commande ouvre la page ou affiche un nouveau lien\u202f:",
        "Si ce navigateur a déjà ouvert la page,",
        "il y a peut-être encore accès sans lien",
    ),
}

PAGE = """<!doctype html>
<html lang="{language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>p2pd: {title}</title>
    <link rel="icon" href="/web/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/web/css/base.css">
    <link rel="stylesheet" href="/web/css/layout.css">
  </head>
  <body>
    <main class="denied">
      <h1>{title}</h1>
      <p>{why}</p>
      <p>{how}</p>
      <pre><code>p2pd web</code></pre>
      <p>{known} <a href="/">{still}</a>.</p>
    </main>
  </body>
</html>
"""


def spent_page(accept_language: str) -> str:
    """In the first language of the header that we have; browsers list the preferred ones first."""
    asked = (part.strip()[:2].lower() for part in accept_language.split(","))
    language = next((one for one in asked if one in WORDS), "en")
    words = WORDS[language]
    return PAGE.format(
        language=language,
        title=words.title,
        why=words.why,
        how=words.how,
        known=words.known,
        still=words.still,
    )
