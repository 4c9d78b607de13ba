// English. Every key is in the other languages too, with the same {placeholders}.

export default {
  "skip": "Skip to the content",
  "dismiss": "Dismiss",
  "daemon.connecting": "Connecting to your p2pd …",
  "daemon.lost": "p2pd does not answer. As soon as it runs again, this page goes on where it was; nothing gets lost.",
  "denied.what": "This browser is not allowed to use your p2pd yet.",
  "denied.how": "Run this command in a terminal on the same computer. It opens the page with a one-time code:",
};
