#!/bin/sh
#SBATCH --job-name=inorm-sweep
#SBATCH --array={INDICES}
#SBATCH --cpus-per-task=1
#SBATCH --time={TIME}
#SBATCH --signal=B:USR1@{WARNING}
#SBATCH --requeue
#SBATCH --open-mode=append

# The warning reaches this shell, which passes it on: the run is saved at the end of
# its epoch, and the task queued again to resume it. So is a task whose run is
# claimed elsewhere. Slurm holds each back for two minutes.
again=
trap 'again=yes; kill -USR1 "$worker"' USR1
{COMMAND} &
worker=$!
wait "$worker"
code=$?
if [ -n "$again" ]; then
    wait "$worker"
    code=$?
fi
[ "$code" -ne {TRY_AGAIN_LATER} ] || again=yes
[ "$code" -eq 0 ] || [ -z "$again" ] || scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
exit "$code"
