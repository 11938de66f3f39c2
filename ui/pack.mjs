// Packs the built page for the server: gzip beside each file that gains by it, a list of all files, and the budget of
// the first view, which fails the build when it is overdrawn.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 350 * 1000; // bytes of script, packed, before anything is seen

const root = process.argv[2];
const manifest = JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8'));
rmSync(join(root, 'manifest.json'));

/** A chunk and all that it imports at once. */
function withImports(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    (manifest[key].imports ?? []).forEach((i) => withImports(i, seen));
  }
  return seen;
}

const files = readdirSync(root, { recursive: true })
  .map((f) => join(root, f))
  .filter((f) => statSync(f).isFile() && !f.endsWith('.gz'))
  .map((f) => relative(root, f))
  .filter((f) => f !== 'files.txt')
  .sort();

const packed = new Map();
for (const file of files) {
  const bytes = readFileSync(join(root, file));
  const gzip = gzipSync(bytes, { level: 9 });
  packed.set(file, gzip.length);
  if (/\.(js|css|html|svg)$/.test(file)) {
    writeFileSync(join(root, `${file}.gz`), gzip);
  }
}
writeFileSync(join(root, 'files.txt'), files.join('\n'));

// What a first visit loads: the entry and the page that it opens on.
const first = new Set([...withImports('index.html'), ...withImports('src/pages/Home.tsx')]);
const weight = [...first].map((key) => packed.get(manifest[key].file)).reduce((a, b) => a + b, 0);
console.log(`first view: ${Math.round(weight / 1000)} kB of script, packed, of ${BUDGET / 1000}`);
if (weight > BUDGET) {
  console.error(`the first view is too heavy; its chunks:`);
  [...first].forEach((key) => console.error(`  ${packed.get(manifest[key].file)} ${manifest[key].file}`));
  process.exit(1);
}
