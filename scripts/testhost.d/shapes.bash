# shellcheck shell=bash disable=SC2034,SC2054 # the values are read by machine.bash
# SPDX-License-Identifier: MIT
#
# The machines that the test host can be. A shape sets:
#   cpu         QEMU's CPU model (topology: see below)
#   smp         sockets, cores per socket, threads per core; every socket is a node
#   kernel      label of the kernel that it boots unless another is asked for
#   boot_args   kernel arguments
#   devices     QEMU arguments
#   modules     kernel modules loaded inside
#
# SMT siblings need an Intel CPU: TCG's AMD CPU has no topoext. KVM inside needs
# the AMD one (TCG emulates SVM, not VMX), and a generic kernel: under PREEMPT_RT
# kvm refuses a TSC that is not constant, which TCG's AMD CPU lacks.

readonly kSmtCpu=max,vendor=GenuineIntel

shape_table() {
  cat <<'TABLE'
smt          8 CPUs: 2 packages x 2 cores x 2 threads, a node each; 2-3,6-7 isolated at boot
small        4 CPUs: 2 packages x 1 core x 2 threads, a node each; 2-3 isolated at boot
no-isolcpus  smt without isolation at boot: the host is all kvmrt's to partition
small-no-isolcpus  small without isolation at boot
amd-kvm      4 CPUs: 2 packages x 2 cores, a node each; stock guests run under real KVM
amd-kvm-8    the same with 4 cores each
managed-irq  smt with virtio-blk and NVMe disks, a queue and a managed IRQ for each CPU
iommu        4 CPUs, an IOMMU, two network cards alone and two that share its group
TABLE
}

# isolated CPUS: what an administrator gives the kernel for real-time CPUs.
isolated() { printf '%s' "isolcpus=managed_irq,domain,$1 nohz_full=$1 rcu_nocbs=$1"; }

# set_shape NAME: sets the values above; fails where there is no such shape.
set_shape() {
  kernel=6.1-rt cpu=$kSmtCpu smp=(2 2 2) boot_args='' devices=() modules=()
  case $1 in
    smt) boot_args=$(isolated 2-3,6-7) ;;
    small) smp=(2 1 2) boot_args=$(isolated 2-3) ;;
    no-isolcpus) ;;
    small-no-isolcpus) smp=(2 1 2) ;;
    amd-kvm) cpu=max kernel=6.1 smp=(2 2 1) modules=(kvm-amd) ;;
    amd-kvm-8) cpu=max kernel=6.1 smp=(2 4 1) modules=(kvm-amd) ;;
    managed-irq)
      boot_args=$(isolated 2-3,6-7)
      # null-co is a disk without a file. The PCI functions need vectors for a
      # queue per CPU, else the driver shares one that nothing manages.
      devices=(-blockdev null-co,node-name=n0,size=67108864,read-zeroes=on
        -device virtio-blk-pci,drive=n0,num-queues=8,vectors=10
        -blockdev null-co,node-name=n1,size=67108864,read-zeroes=on
        -device nvme,drive=n1,serial=kvmrt,max_ioqpairs=8)
      modules=(virtio_blk nvme)
      ;;
    iommu)
      # Cards without a network behind them; those behind a conventional PCI bridge
      # share a group.
      smp=(1 4 1) kernel=6.1 boot_args='intel_iommu=on'
      devices=(-device intel-iommu
        -device e1000e,addr=10 -device e1000e,addr=11
        -device pcie-pci-bridge,id=shared,addr=12
        -device e1000,bus=shared,addr=1 -device e1000,bus=shared,addr=2)
      modules=(e1000 e1000e)
      ;;
    *) return 1 ;;
  esac
}
