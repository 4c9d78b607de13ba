// Français.

export default {
  "skip": "Aller au contenu",
  "dismiss": "Fermer",
  "daemon.connecting": "Connexion à votre p2pd…",
  "daemon.lost": "p2pd ne répond pas. Dès qu’il sera relancé, cette page reprendra là où elle en était ; rien ne sera perdu.",
  "denied.what": "Ce navigateur n’a pas encore le droit d’utiliser votre p2pd.",
  "denied.how": "Lancez cette commande dans un terminal sur le même ordinateur. Elle ouvre la page avec un code à usage unique :",
};
