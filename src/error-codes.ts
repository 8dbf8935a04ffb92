/**
 * Every error bootpack and the plugins that come with it can end with: a closed set of codes,
 * each of one family, and one table of what it means and what to do. docs/errors.md is made
 * from it. The sentence of an error names the file, the number and the command at hand; what
 * stands here is true of all errors with the code.
 *
 * A code keeps its meaning from version to version; a new cause gets a new code. Plugins of
 * others name theirs `plugin/code` and are not listed.
 */
export interface CodeText {
  /** What was found, as a sentence without its full stop. */
  readonly means: string
  /** What to do, a full sentence; absent where the error itself is all there is to say. */
  readonly helps?: string
}

type Table = Readonly<Record<string, CodeText>>

const look = 'The error names what there is; choose one of them.'
const repair = 'Run e2fsck on the filesystem first.'
const another = 'Give another target, or make it what is asked for.'
const free = 'Free some space and plan again.'
const planAnew = 'Make the plan again with bootpack plan.'
const asRoot = 'Run the command as root.'
const meanwhile = 'End the other program, look at the filesystem, and run the command again.'

/** What was asked for cannot be meant: a slip on the command line, or of a program. */
const usage = {
  'needs-yes': { means: 'nobody is there to be asked', helps: 'Say --yes.' },
  'not-the-root': { means: 'auto is for the root of this machine' },
  'already-free': { means: 'blocks were to be freed that are not all in use' },
  'ambiguous-image': { means: 'the image has a partition table and a filesystem on the whole', helps: look },
  'ambiguous-target': { means: 'several engines open the target', helps: 'Name one with --engine.' },
  'archive-to-stream': { means: 'an archive cannot be written to standard output', helps: 'Name a file with -o.' },
  'bad-bytes': { means: 'not a number of bytes', helps: 'Write 64M for 64 times 1024 times 1024.' },
  'bad-day': { means: 'not a day', helps: 'Write it as 2026-11-30.' },
  'bad-disk-file': { means: 'the file of a disk model lacks a number, or has one that cannot be' },
  'bad-geometry': { means: 'a filesystem of such sizes cannot exist' },
  'bad-goal': { means: 'a goal is neither a block number nor auto' },
  'bad-image-name': { means: 'the name of an image cannot name a folder' },
  'bad-instance': { means: 'not a name of a trace instance' },
  'bad-memory': { means: 'not an amount of memory', helps: 'Write it as 1GB or 512MB.' },
  'bad-path': { means: 'a path cannot be used there: it is relative, or has a character that cannot be written' },
  'bad-prefix': { means: 'not the beginning of a table name', helps: 'Use letters, digits and underscores.' },
  'bad-program': { means: 'a unit cannot start this program', helps: 'Give an absolute path.' },
  'bad-rename': { means: 'a line of a table of renames is none' },
  'bad-request': { means: 'a number is out of range' },
  'bad-support': { means: 'neither a number of boots nor a share of them' },
  'bad-until': { means: 'no time and no regular expression that can be waited for' },
  'bad-url': { means: 'not the address of a server' },
  'bad-usage': { means: 'flags or arguments that do not go together', helps: 'See the help of the command.' },
  'choose-partition': { means: 'several partitions hold ext4', helps: 'Choose one with --partition.' },
  'copy-of-mounted': { means: 'a copy was asked for of what is mounted', helps: 'Leave out --to, or give an image.' },
  'empty-boot-set': { means: 'nothing of the trace is on the filesystem', helps: another },
  'empty-trace': { means: 'nothing was recorded', helps: 'Check that the recorder ran.' },
  'goal-outside': { means: 'the goal is not a block of the filesystem' },
  'inodes-of-drifted': { means: 'inodes are placed when everything is packed, not when some files are brought back' },
  'list-too-long': { means: 'the list of what to read in advance is longer than can be installed' },
  'long-temporary-folder': { means: 'no socket fits into the folder for temporary files', helps: 'Set TMPDIR.' },
  'missing-argument': { means: 'an argument is missing', helps: 'See the help of the command.' },
  'missing-flag': { means: 'a flag is missing', helps: 'See the help of the command.' },
  'no-boots': { means: 'the fleet has no boots of that image or time' },
  'no-command': { means: 'the program to be watched cannot be run' },
  'no-engine': { means: 'no engine opens the target', helps: another },
  'no-ext4-partition': { means: 'no partition holds ext4', helps: look },
  'no-fleet': { means: 'the folder holds no boots' },
  'no-folder': { means: 'there is no such folder', helps: 'Make it first, or name another.' },
  'no-folder-named': { means: 'the folder of the fleet was not named' },
  'no-goal': { means: 'the folder has no block of its own', helps: 'Set the goal with --goal BLOCK.' },
  'no-image': { means: 'it was not said which image was booted', helps: 'Name it with --image.' },
  'no-instance': { means: 'there is no such trace instance' },
  'no-kernel': { means: 'there is no kernel to boot', helps: 'Give one with --kernel.' },
  'no-match': { means: 'nothing matches the pattern' },
  'no-mount-point': { means: 'there is no folder to mount at, or something is mounted there' },
  'no-output': { means: 'it was not said where to write', helps: 'Name a file with -o.' },
  'no-page': { means: 'not the name of a page', helps: 'Name a file that ends in .html.' },
  'no-partition-table': { means: 'the target has no partition table', helps: 'Leave out --partition.' },
  'no-partitions': { means: 'the partition table is empty' },
  'no-ranges': { means: 'the trace names files, and where they lie was not said', helps: 'Give --target.' },
  'no-root': { means: 'the folder of the other system is none' },
  'no-sides': { means: 'it was not said what to compare' },
  'no-such-directory': { means: 'there is no such directory on the filesystem' },
  'no-such-disk': { means: 'there is no such disk model', helps: look },
  'no-such-engine': { means: 'there is no such engine', helps: look },
  'no-such-file': { means: 'there is no such file' },
  'no-such-format': { means: 'there is no such trace format', helps: look },
  'no-such-partition': { means: 'there is no such partition', helps: look },
  'no-such-target': { means: 'there is no such file, device or folder' },
  'no-target': { means: 'no target was given' },
  'no-trace': { means: 'there is no such trace' },
  'no-traces': { means: 'no traces were given' },
  'no-url': { means: 'the address of the server was not given' },
  'not-a-directory': { means: 'not a directory' },
  'not-a-plan': { means: 'the file is no plan' },
  'not-a-trace': { means: 'the file is no trace' },
  'not-an-image': { means: 'neither a file nor a block device' },
  'not-at-shutdown': { means: 'a flag does not go with --at-shutdown' },
  'not-free': { means: 'blocks were to be taken that are not all free' },
  'not-mounted': { means: 'nothing is mounted there', helps: 'Mount it, or name a mount point.' },
  'not-on-disk': { means: 'the folder lies on no disk' },
  'not-packed': { means: 'the boot set is not packed, so that there is no run to mend', helps: 'Pack it first.' },
  'nothing-to-merge': { means: 'there is no trace to merge' },
  'numbered-trace': { means: 'a trace tells files by number, and the numbers are to change' },
  'old-tables': { means: 'the tables on the server are of an earlier schema', helps: 'Run what `fleet sql` prints.' },
  'one-trace': { means: 'one trace is no profile of several boots' },
  'opened-for-reading': { means: 'a volume that was opened for reading was to be changed' },
  'other-format': { means: 'the name of a new image says another format than it has' },
  'output-elsewhere': { means: 'the file to be written is on a filesystem that is not there at shutdown' },
  'partition-of-directory': { means: 'a directory has no partitions', helps: 'Leave out --partition.' },
  'same-output': { means: 'two things were to be written to one file' },
  'several-traces': { means: 'one trace was expected and several were given' },
  'there-already': {
    means: 'there is something where a new file was to be',
    helps: 'Name a file that is not there yet.',
  },
  'too-long': { means: 'the file is longer than one of its kind can be' },
  'trace-mostly-missing': {
    means: 'most of what the trace reads is not on the filesystem',
    helps: 'Check that they belong together; --any-trace goes on.',
  },
  'trace-of-another-layout': { means: 'the recording names blocks that held something else then' },
  'two-outputs': { means: 'two things were to go to standard output' },
  'two-targets': { means: 'the target was given twice' },
  'undo-file-exists': { means: 'the undo file is there already, and may be needed' },
  'undo-file-unused': { means: 'an undo file is of use only where something is written' },
  'unknown-command': { means: 'there is no such command' },
  'unknown-flag': { means: 'there is no such flag' },
  'unknown-format': { means: 'the trace is in no format that is known', helps: 'Name it with --format.' },
  'unknown-value': { means: 'a flag does not take this value' },
  'wrong-kind': { means: 'the target is of a kind that is not opened' },
  EBADF: { means: 'a descriptor that is closed, or of another filesystem (block-moving calls)' },
  EEXIST: { means: 'blocks where there must be none (block-moving calls)' },
  EFBIG: { means: 'beyond what the format can number (block-moving calls)' },
  EINVAL: { means: 'numbers that make no sense (block-moving calls)' },
  EISDIR: { means: 'a directory where a file is needed (block-moving calls)' },
  ENOENT: { means: 'no such file, inode or tree block (block-moving calls)' },
  EXDEV: { means: 'two filesystems where one is needed (block-moving calls)' },
} as const satisfies Table

/** Found by who looks again after opening: while nothing was written these are refusals, later a stop. */
const newcomers = {
  attached: { means: 'the image is attached to a loop device or the like', helps: 'Detach it.' },
  changed: { means: 'the file, device or filesystem was exchanged or changed', helps: 'Try again.' },
  held: { means: 'the device is part of another one that is active', helps: 'Give that one, or stop it.' },
  'in-use': { means: 'another program has claimed the target', helps: 'Wait for it, or end it.' },
  'mmp-in-use': { means: 'multiple-mount protection says that somebody is at work, perhaps another machine' },
  mounted: { means: 'the target is mounted', helps: 'Unmount it, or name the mount point to pack it mounted.' },
  'open-elsewhere': { means: 'another program has the target open for writing, or locked', helps: 'End it.' },
  resized: { means: 'the target has another size than before', helps: 'Try again.' },
  rewritten: { means: 'the target was written to by another program', helps: 'Try again.' },
  'active-swap': { means: 'the target is in use as swap', helps: 'Turn it off with swapoff.' },
} as const satisfies Table

/** It could be done and would be unsafe, or is not permitted. Nothing was changed. */
const refused = {
  ...newcomers,
  'kept-already': { means: 'a timer keeps the boot packed already' },
  'not-begun': { means: 'the first step of auto could not be taken' },
  'on-battery': { means: 'the machine runs on its battery', helps: 'Plug it in.' },
  'arguments-not-taken': { means: 'the boot loader did not take the arguments of the kernel' },
  'etc-elsewhere': { means: '/etc is on another filesystem than the root' },
  'file-too-large': { means: 'a file that was to be replaced is larger than any of ours' },
  'has-errors': { means: 'the kernel has marked the filesystem as having errors', helps: repair },
  'is-a-disk': { means: 'what was to be written would replace a disk or an image of one' },
  'is-an-input': { means: 'what was to be written would replace what is read' },
  'is-another-file': { means: 'what was to be written would replace a file of another kind' },
  'journal-error': { means: 'the journal is marked as having an error', helps: repair },
  leased: { means: 'another program has a lease and does not let go of it', helps: 'End it first.' },
  'left-off': { means: 'the file with where to go on is not replaced' },
  'little-memory': { means: 'the environment at shutdown takes more memory than the machine can spare' },
  'marked-free': { means: 'blocks of a file are marked free', helps: repair },
  'moved-blocks': { means: 'the trace names blocks that were moved since' },
  'multiply-claimed': { means: 'several files claim the same blocks', helps: repair },
  'needs-recovery': { means: 'the journal has to be replayed', helps: 'Mount and unmount the filesystem once.' },
  'needs-root': { means: 'this is for root', helps: asRoot },
  'no-backing': { means: 'a disk image stands on a file that is not there', helps: 'Put it back where it was.' },
  'no-etc': { means: 'there is no /etc: not the root of a system' },
  'no-journal': { means: 'without a journal a crash while blocks move could not be mended' },
  'no-machine-key': { means: 'the file for the key of this machine holds none' },
  'no-permission': {
    means: 'the system does not let this user do it',
    helps: 'Get the permission, such as with sudo.',
  },
  'not-a-file': { means: 'not an ordinary file' },
  'not-a-folder': { means: 'not a folder' },
  'not-clean': { means: 'the filesystem was not cleanly unmounted', helps: repair },
  'not-ours': { means: 'a file in the way was not written by bootpack' },
  'not-ready': { means: 'what is done at shutdown could not be tried' },
  'not-root': { means: 'moving blocks of a mounted filesystem is for root', helps: asRoot },
  'not-root-only': { means: 'others than root can change what would run as root', helps: 'Install bootpack as root.' },
  'not-roots-own': { means: 'others than root can change what root is to be told' },
  'nothing-installed': { means: 'nothing is installed there', helps: 'Install it with `bootpack preload install`.' },
  'nothing-recorded': { means: 'the kernel did not record this boot' },
  'numbers-fixed': { means: 'a mounted filesystem keeps its inode numbers', helps: 'Unmount it first.' },
  'numbers-unknown': { means: 'the engine cannot follow a plan that renumbers inodes' },
  orphans: { means: 'deleted files have blocks that were not freed yet', helps: repair },
  'other-device': { means: 'the device node is not the device that is mounted' },
  'other-filesystem': { means: 'the plan is for another filesystem' },
  'other-size': { means: 'the plan is for this filesystem when it was larger' },
  'other-volume': { means: 'the plan is for another filesystem' },
  'partly-mounted': { means: 'only a folder of the filesystem is mounted', helps: 'Mount all of it.' },
  'read-only': { means: 'the filesystem is mounted read-only', helps: 'Remount it for writing.' },
  'read-only-device': { means: 'the block device is read-only' },
  'stale-plan': { means: 'files are neither where the plan found them nor where it puts them', helps: planAnew },
  'takes-too-long': { means: 'it would take longer than the machine may be kept from going down' },
  'too-many-bytes': { means: 'the recording unpacks to more than is taken' },
  'too-many-names': { means: 'the inodes to be renumbered have more names than can be held' },
  'too-many-reads': { means: 'the trace has more distinct reads than are taken' },
  'too-much-to-write': { means: 'the plan would write more than --max-bytes' },
  'tracing-locked': { means: 'the kernel is locked down: nobody may trace it' },
  'unsafe-record': { means: 'others can change the record of settings to be restored' },
  EBUSY: { means: 'in use, or of doubtful owners (block-moving calls)' },
  EPERM: { means: 'not to be changed (block-moving calls)' },
  EROFS: { means: 'read-only (block-moving calls)' },
  ETXTBSY: { means: 'a program that runs, or swap (block-moving calls)' },
} as const satisfies Table

/** Formats that are recognised in order to be refused with the command that converts them. */
const containers = {
  '7z': { means: 'a 7z archive' },
  'android-sparse': { means: 'an Android sparse image' },
  apfs: { means: 'an APFS container' },
  bcache: { means: 'a bcache device' },
  bcachefs: { means: 'a bcachefs filesystem' },
  bitlocker: { means: 'encrypted with BitLocker' },
  btrfs: { means: 'a btrfs filesystem' },
  bzip2: { means: 'compressed with bzip2' },
  cpio: { means: 'a cpio archive' },
  cramfs: { means: 'a cramfs filesystem' },
  dmg: { means: 'an Apple disk image' },
  erofs: { means: 'an EROFS filesystem' },
  exfat: { means: 'an exFAT filesystem' },
  f2fs: { means: 'an F2FS filesystem' },
  gzip: { means: 'compressed with gzip' },
  hfsplus: { means: 'an HFS+ filesystem' },
  hibernated: { means: 'a swap area with a hibernated system in it' },
  iso9660: { means: 'an ISO 9660 image' },
  jfs: { means: 'a JFS filesystem' },
  luks: { means: 'encrypted with LUKS' },
  lvm2: { means: 'an LVM physical volume' },
  lz4: { means: 'compressed with lz4' },
  lzma: { means: 'compressed with lzma' },
  lzop: { means: 'compressed with lzop' },
  nilfs2: { means: 'a NILFS2 filesystem' },
  ntfs: { means: 'an NTFS filesystem' },
  parallels: { means: 'a Parallels disk image' },
  qcow: { means: 'a qcow disk image' },
  qcow2: { means: 'a qcow2 disk image' },
  qed: { means: 'a QED disk image' },
  raid: { means: 'a member of a Linux RAID array' },
  reiserfs: { means: 'a ReiserFS filesystem' },
  romfs: { means: 'a romfs filesystem' },
  squashfs: { means: 'a squashfs filesystem' },
  swap: { means: 'a swap area' },
  tar: { means: 'a tar archive' },
  ubi: { means: 'a UBI image' },
  ubifs: { means: 'a UBIFS filesystem' },
  vdi: { means: 'a VDI disk image' },
  vfat: { means: 'a FAT filesystem' },
  vhd: { means: 'a dynamic VHD disk image' },
  vhdx: { means: 'a VHDX disk image' },
  vmdk: { means: 'a VMDK disk image' },
  'vmdk-descriptor': { means: 'the description of a VMDK disk image' },
  xfs: { means: 'an XFS filesystem' },
  xz: { means: 'compressed with xz' },
  zip: { means: 'a ZIP archive' },
  zstd: { means: 'compressed with zstd' },
} as const satisfies Table

/** Sound, and not something that is handled here. */
const unsupported = {
  'big-endian': { means: 'the meta filesystem needs a little-endian machine' },
  'binary-trace': { means: 'a recording in a binary format', helps: 'Turn it into text with the command named.' },
  'checksum-type': { means: 'checksums of an unknown type' },
  container: { means: 'this is a container, which has no shutdown of its own' },
  'data-journal': {
    means: 'the filesystem journals data, and the kernel moves nothing then',
    helps: 'Pack it unmounted.',
  },
  empty: { means: 'the target is empty' },
  'encrypted-image': { means: 'a disk image is encrypted', helps: 'Decrypt it into another one with qemu-img.' },
  'external-journal': { means: 'the journal is on another device' },
  'fast-commit': { means: 'the kernel moves nothing with fast commits', helps: 'Pack it unmounted.' },
  'feature-bigalloc': { means: 'bitmaps count clusters, not blocks' },
  'feature-compression': { means: 'compressed files have blocks that are not theirs' },
  'feature-dirdata': { means: 'directory entries carry data of Lustre' },
  'feature-imagic_inodes': { means: 'its inodes are opened by number', helps: 'Leave out --inodes.' },
  'feature-journal_dev': { means: 'this is the separate journal of another filesystem, not a filesystem' },
  'feature-read-only': { means: 'the filesystem has the feature read-only' },
  'feature-replica': { means: 'blocks may be replicas' },
  'feature-shared_blocks': { means: 'several files may own the same block' },
  'feature-snapshot': { means: 'blocks may belong to a snapshot as well' },
  'feature-stable_inodes': {
    means: 'the keys of its encrypted files depend on inode numbers',
    helps: 'Leave out --inodes.',
  },
  'feature-unknown': { means: 'the filesystem has a feature that is not known', helps: 'Use a newer bootpack.' },
  'format-not-written': { means: 'a disk image is of a format that is only read' },
  'journal-checksum-type': { means: 'the journal has checksums of an unknown type' },
  'journal-feature': { means: 'the journal has a feature that is not known', helps: 'Use a newer bootpack.' },
  'large-boot-file': { means: 'a file is too large for a kernel or an initial ramdisk' },
  'layered-root': { means: 'the root of this machine is made of layers, or is no disk' },
  'mmp-unknown': { means: 'multiple-mount protection holds a number that is not known' },
  'no-archive-plugin': { means: 'the plugin that reads and writes such traces is not installed' },
  'no-block-device': { means: 'what is mounted is on no block device' },
  'no-boot-loader-program': { means: 'the program that renews the boot loader cannot be run' },
  'no-contents': { means: 'the engine cannot read what files hold', helps: 'Leave out the check of contents.' },
  'no-extents': { means: 'the filesystem has no extents, and the kernel moves nothing else' },
  'no-fanotify': { means: 'reads cannot be listened to with fanotify here', helps: 'Use another --method.' },
  'no-form': { means: 'nothing on the system would read in advance during a boot' },
  'no-fuse': { means: 'there is no FUSE here', helps: 'Load the module fuse.' },
  'no-httpfs': { means: 'the extension httpfs of DuckDB is not installed' },
  'no-inode-tables': { means: 'where inodes lie is known of ext4 only' },
  'no-kprobe-argument': { means: 'the kernel takes no probes on its command line' },
  'no-kprobes': { means: 'the kernel was built without kprobes', helps: 'Leave out --inodes.' },
  'no-page-events': { means: 'the kernel cannot trace its page cache', helps: 'Use --method fanotify.' },
  'no-qemu': { means: 'QEMU is not installed' },
  'no-settings': { means: "the allocator's settings in /sys cannot be read" },
  'no-sleep': { means: 'there is no program sleep on this machine' },
  'no-system-call': { means: 'the number of a system call is not known for this processor' },
  'no-systemd': { means: 'there is no systemd here' },
  'no-tracing': { means: 'the kernel has no tracing' },
  'not-a-disk-filesystem': { means: 'the path is on no mounted block device' },
  'not-a-filesystem': { means: 'neither an ext4 filesystem nor anything else that is known' },
  'not-ext4': { means: 'not an ext4 filesystem' },
  'not-x86': { means: 'the kernel is for another processor than x86' },
  'not-xfs': { means: 'not on a mounted XFS filesystem' },
  ostree: { means: 'the root of this machine is a deployment of ostree' },
  'plan-version': { means: 'the plan is of a version that is not known', helps: 'Use a newer bootpack.' },
  'remote-backing': { means: 'a disk image stands on something that is no file of this machine' },
  'too-large': { means: 'the filesystem has more block groups than can be held in memory' },
  'too-many-groups': { means: 'the filesystem has more block groups than are handled' },
  'too-many-links': { means: 'a path leads through too many symbolic links' },
  'trace-version': { means: 'the trace is of a version that is not known', helps: 'Use a newer bootpack.' },
  'tracing-not-mounted': { means: 'tracefs is not mounted' },
  EOPNOTSUPP: { means: 'not something that can be moved (block-moving calls)' },
  ...containers,
} as const satisfies Table

/** Which structures can be found damaged. The code is `bad-` and the name with hyphens. */
const structures = {
  'GPT header': 'the table of partitions',
  'MMP block': 'the block against double mounts',
  'Parquet file': 'a file of a fleet',
  'block bitmap of group': 'which blocks of a group are in use',
  'block group': 'how a group counts its blocks',
  'block map of inode': 'where an old file lies',
  'directory inode': 'the entries of a directory',
  'extended attribute block': 'attributes of a file',
  'extent tree of inode': 'where a file lies',
  'fincore document': 'the output of fincore',
  'fixed metadata at block': 'blocks that are at places given by the format',
  'group descriptor': 'where the tables of a group are',
  'gzip stream': 'a compressed recording',
  'inode bitmap of group': 'which inodes of a group are in use',
  inode: 'a file',
  'journal superblock': 'the head of the journal',
  order: 'what was to be done at shutdown',
  superblock: 'the head of the filesystem',
  'symlink inode': 'where a symbolic link leads',
  'trace header': 'the first line of a trace',
} as const

/** What can be found damaged, as `corrupt` takes it. */
export type Structure = keyof typeof structures

type Hyphened<Words extends string> = Words extends `${infer First} ${infer Rest}`
  ? `${First}-${Hyphened<Rest>}`
  : Words
type StructureCode = `bad-${Hyphened<Structure>}`

export const codeOfStructure = <S extends Structure>(structure: S): `bad-${Hyphened<S>}` =>
  `bad-${structure.replaceAll(' ', '-') as Hyphened<S>}`

/** Damaged: what it says cannot be. */
const corrupt = {
  ...(Object.fromEntries(
    Object.entries(structures).map(([structure, what]) => [
      codeOfStructure(structure as Structure),
      { means: `damaged: the ${structure} (${what})` },
    ]),
  ) as Record<StructureCode, CodeText>),
  'bad-check-record': { means: 'damaged: the recorded hashes beside a plan', helps: 'Remove the .check.json file.' },
  'bad-plan': { means: 'damaged: the plan', helps: planAnew },
  'bad-preload-list': { means: 'damaged: the list of what to read in advance', helps: 'Install it again.' },
} as const satisfies Table

const noSpace = {
  'no-homes': {
    means: 'what lies in the run finds no place elsewhere',
    helps: 'Free some space, or leave out --evict.',
  },
  'no-room': { means: 'no stretch of the disk can take the boot set', helps: free },
  'no-room-for-copy': {
    means: 'there is no room for a packed copy',
    helps: 'Make room, or name a file on another disk.',
  },
  'no-space': { means: 'there is no room for a file that is written', helps: 'Write it elsewhere.' },
  'no-staging-space': { means: 'all moves wait for each other, and no block is free to begin with', helps: free },
  'no-tree-room': { means: 'extent trees grow on the way, and too few blocks are free for them', helps: free },
  'no-way-out': { means: 'files in the way of others find no place', helps: 'Free some space, or pack anew.' },
  'too-many-rounds': { means: 'with so little free space the moves take too many rounds', helps: free },
  'too-many-writes': { means: 'the virtual machine wrote more than there is room for' },
  ENOSPC: { means: 'no free blocks, or too small a journal (block-moving calls)' },
} as const satisfies Table

const io = {
  'boot-timeout': { means: 'the virtual machine did not come to the end of its boot in time' },
  clickhouse: { means: 'the ClickHouse server did not answer a query' },
  io: { means: 'reading or writing failed', helps: 'See what the system said, in the last line.' },
  'machine-off': { means: 'the virtual machine went off before the end of its boot' },
} as const satisfies Table

const interrupted = {
  interrupted: { means: 'it was interrupted, and everything is left consistent' },
  EINTR: { means: 'it was interrupted, and everything is left consistent (block-moving calls)' },
} as const satisfies Table

type Newcomer = keyof typeof newcomers
type MeanwhileCode = `${Newcomer}-meanwhile`

const inTheMidst = Object.fromEntries(
  Object.entries(newcomers).map(([code, { means }]) => [
    `${code}-meanwhile`,
    { means: `while bootpack was at work: ${means}`, helps: meanwhile },
  ]),
) as Record<MeanwhileCode, CodeText>

/** The code of a stop: what was found by looking again, after the target had been opened. */
export const meanwhileCode = (code: string): MeanwhileCode =>
  Object.hasOwn(newcomers, code) ? `${code as Newcomer}-meanwhile` : 'changed-meanwhile'

/** All codes by family. Who finds somebody else half-way is `stopped`, and `refused` if nothing was written yet. */
export const errorCodes = {
  usage,
  refused: { ...refused, ...inTheMidst },
  stopped: inTheMidst,
  unsupported,
  corrupt,
  'no-space': noSpace,
  io,
  interrupted,
} as const satisfies Record<string, Table>

export type ErrorFamily = keyof typeof errorCodes

/** What the kernel said where it is passed on: the name of an errno, whose family the call decides. */
export type KernelCode = `E${Uppercase<string>}` | `errno ${number}`

/** A code of a plugin that does not come with bootpack: `plugin/code`. */
export type PluginErrorCode = `${string}/${string}`

/** The codes of a family. */
export type CodeOf<Family extends ErrorFamily> = keyof (typeof errorCodes)[Family] | PluginErrorCode

export type ErrorCode = { [Family in ErrorFamily]: CodeOf<Family> }[ErrorFamily] | KernelCode

export type ContainerCode = keyof typeof containers

/** Whether a code read from outside, such as another process's JSON, is one of a family. */
export const isCodeOf = <Family extends ErrorFamily>(family: Family, code: unknown): code is CodeOf<Family> =>
  typeof code === 'string' && (code.includes('/') || Object.hasOwn(errorCodes[family], code))
