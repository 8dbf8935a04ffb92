/** fsetxattr(2): an extended attribute of an open file. */
import { checked, libcFunction } from 'bootpack/kernel'

const call = libcFunction('int fsetxattr(int, const char *, const void *, size_t, int)')

/**
 * @param name with its namespace: 'user.mime_type'
 * @throws KernelError no-space when it does not fit
 */
export function setExtendedAttribute(fd: number, name: string, value: Uint8Array): void {
  checked({ call: 'fsetxattr', on: name }, () => call(fd, name, value, value.length, 0))
}
