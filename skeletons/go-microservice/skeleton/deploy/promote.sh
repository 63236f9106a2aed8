#!/bin/sh
# promote.sh ENVIRONMENT DIGEST COMMIT: deploys an image, by writing it into deploy/ENVIRONMENT/values.yaml
# on the default branch, which the git host names.
#
# DIGEST is the image's (sha256:…), COMMIT what it was built of. Pipelines may run beside each other and end in any
# order: what is older than what is deployed is left alone, and a push that comes too late is made anew.
set -eu

environment=$1 digest=$2 commit=$3
file=deploy/$environment/values.yaml

if ! printf %s "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}'; then
  echo "promote: '$digest' is no digest" >&2
  exit 2
fi

branch=$(git ls-remote --symref origin HEAD | sed -n 's|^ref: refs/heads/\(.*\)[[:space:]]HEAD$|\1|p')
if [ -z "$branch" ]; then
  echo "promote: the git host names no default branch; may this job read the repository?" >&2
  exit 1
fi

for attempt in 1 2 3 4 5; do
  git fetch --quiet origin "refs/heads/$branch"
  git checkout --quiet --force --detach FETCH_HEAD
  deployed=$(sed -n 's/^  tag: "\{0,1\}\([0-9a-f]*\)"\{0,1\}.*/\1/p' "$file")
  if [ -n "$deployed" ] && [ "$deployed" != "$commit" ] && git merge-base --is-ancestor "$commit" "$deployed"; then
    echo "promote: $environment has $deployed already, which is newer than $commit"
    exit 0
  fi
  sed -e "s|^  digest:.*|  digest: \"$digest\"|" -e "s|^  tag:.*|  tag: \"$commit\"|" "$file" >"$file.new"
  cat "$file.new" >"$file" && rm "$file.new"
  if ! grep -q "^  digest: \"$digest\"\$" "$file"; then
    echo "promote: $file has no line 'digest' below 'image'" >&2
    exit 1
  fi
  if git diff --quiet -- "$file"; then
    echo "promote: $environment has this image already"
    exit 0
  fi
  git -c user.name=promotion -c user.email=promotion@localhost commit --quiet \
    --message "Deploy $(git rev-parse --short "$commit") to $environment [skip ci]" -- "$file"
  if git push --quiet origin "HEAD:refs/heads/$branch"; then
    echo "promote: $environment gets $digest, made of $commit"
    exit 0
  fi
  echo "promote: $branch has moved on, attempt $attempt" >&2
  sleep "$attempt"
done
echo "promote: could not push to $branch; may this job push there?" >&2
exit 1
