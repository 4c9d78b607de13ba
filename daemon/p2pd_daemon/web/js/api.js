// Requests to the daemon's control API, /v1. The cookie authorises them; errors carry what the daemon says.

const WAIT_MS = 70_000; // the daemon itself gives up after 60 s

export class ApiError extends Error {
  constructor(status, code, message, hint) {
    super(message);
    this.status = status; // 0: the daemon did not answer
    this.code = code;
    this.hint = hint;
  }
}

export const get = (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given).toString();
  return ask("GET", text ? `${path}?${text}` : path);
};

export const post = (path, body = {}) => ask("POST", path, body);

async function ask(method, path, body) {
  const request = { method, signal: AbortSignal.timeout(WAIT_MS), headers: {} };
  if (body !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let answer, content;
  try {
    answer = await fetch(path, request);
    content = await answer.json();
  } catch {
    throw new ApiError(0, "daemon_gone", "the daemon does not answer", "");
  }
  if (!answer.ok) {
    const { code = "unknown", message = answer.statusText, hint = "" } = content?.error ?? {};
    throw new ApiError(answer.status, code, message, hint);
  }
  return content;
}
