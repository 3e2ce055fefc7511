/* SPDX-License-Identifier: MIT
 *
 * A guest of 64 KiB without firmware, in real mode, for tests: it runs a
 * millisecond after `cont`, under any accelerator. QEMU takes it with -bios.
 * It writes K to port 0xe9 (-debugcon), then does what the defines say, in this
 * order, and ends halted, interrupts off:
 *   SAY="text"   a line on the first serial port
 *   SECONDS=n    stay busy for n seconds, by the clock of the machine
 *   TALK=n       n thousand characters on each of two serial ports
 *   WATCHDOG=v   arm the ib700 watchdog: it fires in 30 - 2v seconds
 *   ESB=n        arm the i6300esb watchdog: it fires in two times n milliseconds
 *   PUT=v, AT=n  write v (not zero) to byte n of shared memory (ivshmem)
 *   AWAIT=v, FROM=n  wait until v stands at byte n of shared memory
 *   SPIN         stay busy for ever
 *   RST          reset through the keyboard controller
 *   PANIC=bits   write to pvpanic (1 panicked, 2 crash loaded)
 *   EXITV=v      end QEMU by isa-debug-exit at 0xf4, status 2v+1
 *   OFFPC, OFFQ35  power off, on machine pc or q35
 */
    .code16
    .globl _start
_start:
    cli
    mov $'K', %al
    out %al, $0xe9

#ifdef SAY
    mov $0x3f8, %dx
    mov $text, %si
next_character:
    mov %cs:(%si), %al
    inc %si
    test %al, %al
    jz said
    out %al, %dx
    jmp next_character
text:
    .ascii SAY
    .asciz "\r\n"
said:
#endif

#ifdef SECONDS /* as often as register 0 of the real-time clock changes */
    mov $SECONDS + 1, %cx
    mov $0xff, %bl
next_second:
    pause
    xor %al, %al
    out %al, $0x70
    in $0x71, %al
    cmp %al, %bl
    je next_second
    mov %al, %bl
    loop next_second
#endif

#ifdef TALK
    mov $TALK * 1000, %ecx
    mov $'x', %al
next_word:
    mov $0x3f8, %dx
    out %al, %dx
    mov $0x2f8, %dx
    out %al, %dx
    dec %ecx
    jnz next_word
#endif

#ifdef WATCHDOG
    mov $WATCHDOG, %al
    mov $0x443, %dx
    out %al, %dx
#endif

    .macro config_read register /* of the device in %ebx */
    mov $0xcf8, %dx
    mov %ebx, %eax
    or $\register, %eax
    out %eax, %dx
    mov $0xcfc, %dx
    in %dx, %eax
    .endm

    .macro config_write register, value
    mov $0xcf8, %dx
    mov %ebx, %eax
    or $\register, %eax
    out %eax, %dx
    mov $0xcfc, %dx
    mov $\value, %eax
    out %eax, %dx
    .endm

    /* %ebx: the device of this id on bus 0; without one the guest waits for ever. */
    .macro find_device id, label
    mov $0x80000000, %ebx
\label:
    add $0x800, %ebx
    config_read 0
    cmp $\id, %eax
    jne \label
    .endm

#if defined(ESB) || defined(PUT) || defined(AWAIT)
/* Real mode with a segment of 4 GiB in %fs: the devices' memory lies high. */
    lgdtl %cs:flat_pointer
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    mov $8, %cx
    mov %cx, %fs
    and $0xfe, %al
    mov %eax, %cr0
    jmp flat
    .balign 8
flat_table:
    .quad 0, 0x00cf92000000ffff
flat_pointer:
    .word 15
    .long 0xf0000 + flat_table /* where QEMU puts the last 64 KiB of a ROM */
flat:
#endif

#ifdef ESB /* two stages of so many milliseconds each; the second one is the action */
    find_device 0x25ab8086, find_esb
    config_write 0x10, 0xe0100000
    config_write 0x04, 2
    .macro esb_unlock
    movl $0x80, %fs:(%edi)
    movl $0x86, %fs:(%edi)
    .endm
    mov $0xe010000c, %edi
    esb_unlock
    mov $0xe0100000, %esi
    movl $ESB, %fs:(%esi)
    esb_unlock
    mov $0xe0100004, %esi
    movl $ESB, %fs:(%esi)
    config_read 0x68 /* the register takes bytes only: enabled, not locked */
    mov $2, %al
    out %al, %dx
#endif

#if defined(PUT) || defined(AWAIT)
    find_device 0x11101af4, find_shared
    config_write 0x18, 0xe0000000
    config_write 0x1c, 0
    config_write 0x04, 2
#endif
#ifdef PUT
    mov $0xe0000000 + AT, %esi
    movl $PUT, %fs:(%esi)
#endif
#ifdef AWAIT
    mov $0xe0000000 + FROM, %esi
await:
    pause
    mov %fs:(%esi), %eax
    cmp $AWAIT, %eax
    jne await
#endif

#ifdef SPIN
spin:
    pause
    jmp spin
#endif

#ifdef RST
    mov $0xfe, %al
    out %al, $0x64
#endif

#ifdef PANIC
    mov $PANIC, %al
    mov $0x505, %dx
    out %al, %dx
#endif

#ifdef EXITV
    mov $EXITV, %eax
    out %eax, $0xf4
#endif

    .macro pci_write register, value
    mov $0xcf8, %dx
    mov $\register, %eax
    out %eax, %dx
    mov $0xcfc, %dx
    mov $\value, %eax
    out %eax, %dx
    .endm

    .macro soft_off /* PM1_CNT: SLP_EN, sleep type 0 is S5 here */
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    .endm

#ifdef OFFPC /* PIIX4 PM 00:01.3: PMBASE, PMREGMISC */
    pci_write 0x80000b40, 0x601
    pci_write 0x80000b80, 1
    soft_off
#endif
#ifdef OFFQ35 /* ICH9 LPC 00:1f.0: PMBASE, ACPI_CNTL */
    pci_write 0x8000f840, 0x601
    pci_write 0x8000f844, 0x80
    soft_off
#endif

halt:
    hlt
    jmp halt

    .org 0xfff0
    ljmp $0xf000, $0
    .org 0x10000
