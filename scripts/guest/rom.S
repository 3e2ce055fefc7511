/* SPDX-License-Identifier: MIT
 *
 * A guest of 64 KiB without firmware, in real mode, for tests: it runs a
 * millisecond after `cont`, under any accelerator. QEMU takes it with -bios.
 * It writes K to port 0xe9 (-debugcon), then does what the defines say, in this
 * order, and ends halted, interrupts off:
 *   SAY="text"   a line on the first serial port
 *   SECONDS=n    stay busy for n seconds, by the clock of the machine
 *   WATCHDOG=v   arm the ib700 watchdog: it fires in 30 - 2v seconds
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

#ifdef WATCHDOG
    mov $WATCHDOG, %al
    mov $0x443, %dx
    out %al, %dx
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
