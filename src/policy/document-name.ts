/** Folders in a folder of policy files that are read with it; all others in it are left alone. */
export const DOCUMENT_FOLDERS = ['sets', 'tests'] as const

/** What a document may be called, as the source of a pattern: `10-web.yaml`, `sets/oncall.yaml`. */
export const DOCUMENT_NAME = `^((${DOCUMENT_FOLDERS.join('|')})/)?[A-Za-z0-9][A-Za-z0-9._-]*$`
/** Of a document's name, in characters. */
export const DOCUMENT_NAME_CHARS_MAX = 255

const namePattern = new RegExp(DOCUMENT_NAME)
const filePattern = /\.ya?ml$/

/** True for what a document may be called; as a path it leads nowhere but into its folder. */
export function isDocumentName(name: string): boolean {
  return name.length <= DOCUMENT_NAME_CHARS_MAX && namePattern.test(name)
}

/**
 * Which of the files in a folder are policy files, as their documents are called.
 * @param namesIn what is right in the folder, and right in one of `DOCUMENT_FOLDERS` in it.
 */
export function documentNames(
  namesIn: (folder?: (typeof DOCUMENT_FOLDERS)[number]) => readonly string[],
): string[] {
  const isPolicyFile = (name: string): boolean => filePattern.test(name)
  return [
    ...namesIn().filter(isPolicyFile),
    ...DOCUMENT_FOLDERS.flatMap(folder =>
      namesIn(folder)
        .filter(isPolicyFile)
        .map(name => `${folder}/${name}`),
    ),
  ].sort()
}
