/* Make a program believe that its processor has AVX2 and nothing newer.

   gcc -O2 -shared -fPIC -o avx2_only.so avx2_only.c
   LD_PRELOAD=./avx2_only.so python ...

   Linux lets a process have its CPUID instructions trapped (arch_prctl(2), ARCH_SET_CPUID) where
   the processor can (flag cpuid_fault: Intel). The trap answers with what the processor says,
   less AVX-512, AMX, AVX-VNNI and AVX10 (Intel SDM volume 2A, CPUID, leaves 7 and 0x24). What the
   C library chose before this library was loaded stays (how it copies memory), and so do the
   small extensions that some AVX2 processors have as well (GFNI, VAES). */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012

static struct sigaction before;

static long allow_cpuid(long is_allowed) {
    return syscall(SYS_arch_prctl, ARCH_SET_CPUID, is_allowed);
}

static void hide(unsigned leaf, unsigned sub, unsigned reg[4]) {
    if (leaf == 7 && sub == 0) {
        reg[1] &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 |
                    1u << 31);
        reg[2] &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
        reg[3] &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);
    }
    if (leaf == 7 && sub == 1) {
        reg[0] &= ~(1u << 4 | 1u << 5 | 1u << 21 | 1u << 23);
        reg[3] &= ~(1u << 4 | 1u << 5 | 1u << 8 | 1u << 10 | 1u << 19);
    }
    if (leaf == 0x1d || leaf == 0x1e || leaf == 0x24) reg[0] = reg[1] = reg[2] = reg[3] = 0;
}

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)r[REG_RIP];
    if (info->si_code == SI_KERNEL && at[0] == 0x0f && at[1] == 0xa2) {
        unsigned leaf = (unsigned)r[REG_RAX], sub = (unsigned)r[REG_RCX], reg[4];
        allow_cpuid(1);
        __cpuid_count(leaf, sub, reg[0], reg[1], reg[2], reg[3]);
        allow_cpuid(0);
        hide(leaf, sub, reg);
        r[REG_RAX] = reg[0], r[REG_RBX] = reg[1], r[REG_RCX] = reg[2], r[REG_RDX] = reg[3];
        r[REG_RIP] += 2;
        return;
    }
    sigaction(number, &before, NULL); /* not ours: let it happen again */
}

__attribute__((constructor)) static void begin(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, &before);
    if (allow_cpuid(0) != 0) {
        fputs("avx2_only: this processor cannot trap CPUID (flag cpuid_fault)\n", stderr);
        _exit(2);
    }
}
