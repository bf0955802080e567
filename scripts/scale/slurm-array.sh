#!/bin/sh
# A Slurm array: each task is a shard, and goes on where it was if it is requeued (docs/scale.md).
# sbatch scripts/scale/slurm-array.sh              other numbers of shards: sbatch --array=1-32 scripts/scale/slurm-array.sh
#SBATCH --job-name=iommuctl
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
#SBATCH --requeue
results=${RESULTS:-results}
shard=$SLURM_ARRAY_TASK_ID
mkdir -p "$results"
code=0
iommuctl litmus scripts/litmus --kernel sim --format junit --jobs "${SLURM_CPUS_PER_TASK:-1}" \
	--shard "$shard/$SLURM_ARRAY_TASK_COUNT" --resume "$results/resume-$shard" > "$results/part-$shard.xml" || code=$?
# 77: everything in this shard was skipped
[ "$code" -ne 77 ] || code=0
exit "$code"
