// Times for people, by language and by the clock of this computer. `now` is an argument: no clock in here.

const formats = new Map();

function formatOf(language, options) {
  const name = `${language} ${JSON.stringify(options)}`;
  if (!formats.has(name)) formats.set(name, new Intl.DateTimeFormat(language, options));
  return formats.get(name);
}

export const timeOf = (ms, language) => formatOf(language, { hour: "numeric", minute: "2-digit" }).format(ms);
export const momentOf = (ms, language) => formatOf(language, { dateStyle: "full", timeStyle: "medium" }).format(ms);

export function dayOf(ms, language, now, words) {
  if (sameDay(ms, now)) return words.today;
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (sameDay(ms, yesterday)) return words.yesterday;
  const year = new Date(ms).getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return formatOf(language, { weekday: "long", day: "numeric", month: "long", ...year }).format(ms);
}

// Short, for lists: the time of today's, the date of older ones.
export function whenOf(ms, language, now) {
  if (sameDay(ms, now)) return timeOf(ms, language);
  const year = new Date(ms).getFullYear() === new Date(now).getFullYear() ? {} : { year: "2-digit" };
  return formatOf(language, { day: "numeric", month: "numeric", ...year }).format(ms);
}

export function sameDay(a, b) {
  const [one, other] = [new Date(a), new Date(b)];
  return one.getDate() === other.getDate() && one.getMonth() === other.getMonth()
    && one.getFullYear() === other.getFullYear();
}
