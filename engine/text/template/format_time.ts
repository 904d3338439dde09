/**
 * Python's `strftime` for chat templates that write today's date. English names whatever the machine's language is.
 *
 * @module
 */

const MONTHS =
  ("January February March April May June July August September October November December")
    .split(" ");
const WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/**
 * Formats a local time.
 *
 * @param format directives Y m d B b A a H M S j y %; others stay as they are
 */
export function formatTime(time: Date, format: string): string {
  const month = MONTHS[time.getMonth()]!;
  const weekday = WEEKDAYS[time.getDay()]!;
  const fields: Record<string, string> = {
    Y: String(time.getFullYear()),
    y: pad(time.getFullYear() % 100),
    m: pad(time.getMonth() + 1),
    d: pad(time.getDate()),
    B: month,
    b: month.slice(0, 3),
    A: weekday,
    a: weekday.slice(0, 3),
    H: pad(time.getHours()),
    M: pad(time.getMinutes()),
    S: pad(time.getSeconds()),
    "%": "%",
  };
  return format.replace(/%(.)/g, (directive, letter: string) => fields[letter] ?? directive);
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
