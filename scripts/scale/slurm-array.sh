#!/bin/sh
# A Slurm array: each task is a shard, and goes on where it was if it is requeued (docs/scale.md).
# sbatch scripts/scale/slurm-array.sh              other numbers of shards: sbatch --array=1-32 scripts/scale/slurm-array.sh
# one of 8 shards again: SHARDS=8 sbatch --array=3 scripts/scale/slurm-array.sh
#SBATCH --job-name=iommuctl
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
#SBATCH --requeue
results=${RESULTS:-results}
shard=$SLURM_ARRAY_TASK_ID
shards=${SHARDS:-$SLURM_ARRAY_TASK_COUNT}
mkdir -p "$results"
code=0
iommuctl litmus scripts/litmus --kernel sim --format junit --jobs "${SLURM_CPUS_PER_TASK:-1}" \
	--shard "$shard/$shards" --resume "$results/resume-$shard" > "$results/part-$shard.xml" || code=$?
# 77: everything in this shard was skipped
[ "$code" -ne 77 ] || code=0
# 3: this node lacks something. The task is tried again, twice, maybe on another; scontrol ends it here.
[ "$code" -ne 3 ] || [ "${SLURM_RESTART_COUNT:-0}" -ge 2 ] || scontrol requeue "$SLURM_JOB_ID"
exit "$code"
