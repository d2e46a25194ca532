// A reporter for `node --test`: one line of JSON for each test that ended, for what files printed, and for the totals.
const MOST_TEXT = 4000;

function failure(error) {
  const cause = error?.cause ?? error;
  const name = cause?.code === 'ERR_ASSERTION' ? 'AssertionError' : (cause?.name ?? 'Error');
  return {
    kind: String(error?.failureType ?? ''),
    name: String(name).slice(0, 100),
    message: String(cause?.message ?? cause ?? '').slice(0, MOST_TEXT),
    stack: String(cause?.stack ?? '').slice(0, MOST_TEXT),
  };
}

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type === 'test:pass' || type === 'test:fail') {
      yield `${JSON.stringify({
        type: 'test',
        name: String(data.name),
        file: String(data.file ?? ''),
        nesting: data.nesting,
        passed: type === 'test:pass',
        is_suite: data.details?.type === 'suite',
        skipped: data.skip !== undefined && data.skip !== false,
        todo: data.todo !== undefined && data.todo !== false,
        seconds: (data.details?.duration_ms ?? 0) / 1000,
        failure: type === 'test:fail' ? failure(data.details?.error) : null,
      })}\n`;
    } else if (type === 'test:stderr' || type === 'test:stdout') {
      yield `${JSON.stringify({ type: 'printed', file: String(data.file ?? ''), text: String(data.message).slice(0, MOST_TEXT) })}\n`;
    }
  }
  yield `${JSON.stringify({ type: 'end' })}\n`;
}
