// Deutsch.

export default {
  "skip": "Zum Inhalt springen",
  "dismiss": "Schließen",
  "daemon.connecting": "Verbindung zu Ihrem p2pd wird aufgebaut …",
  "daemon.lost": "p2pd antwortet nicht. Sobald es wieder läuft, geht es hier von selbst weiter; es geht nichts verloren.",
  "denied.what": "Dieser Browser darf Ihren p2pd noch nicht benutzen.",
  "denied.how": "Geben Sie auf demselben Rechner diesen Befehl in ein Terminal ein. Er öffnet die Seite mit einem Einmal-Code:",
};
