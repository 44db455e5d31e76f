# The list of releases, python/deepspeed_aio_utils/releases.txt, and which of them to compare with.
#
#   NEWEST_RELEASE   the last of the list
#   RELEASE_IDS      what is compared for both ends of each era: 0_16_0 ..., the newest is `newest`
#   ERA_IDS          what is compared once for each era, with its last release
#   NEWEST_IDS       what is compared with the newest release alone
#   RELEASE_<id>, ERA_<id>
#
# All three lists have every release where DSAIO_RELEASES is "all" or a list.

set(DSAIO_RELEASES "edges" CACHE STRING
  "DeepSpeed releases to compare with: edges (first and last of each era), newest, all, or a list")
if(NOT DSAIO_RELEASES_FILE)
  set(DSAIO_RELEASES_FILE "${PROJECT_SOURCE_DIR}/python/deepspeed_aio_utils/releases.txt")
endif()

file(STRINGS "${DSAIO_RELEASES_FILE}" lines REGEX "^[0-9]")
set(all_ids "")
set(first_ids "")
set(last_ids "")
set(last_era "")
set(last_id "")
list(LENGTH lines count)
foreach(line ${lines})
  string(REPLACE " " ";" words "${line}")
  list(GET words 0 release)
  list(GET words 1 era)
  string(REPLACE "." "_" id "${release}")
  math(EXPR count "${count} - 1")
  if(count EQUAL 0)
    set(id newest)
    set(NEWEST_RELEASE ${release})
  endif()
  set(RELEASE_${id} ${release})
  set(ERA_${id} ${era})
  set(id_of_${release} ${id})
  list(APPEND all_ids ${id})
  if(NOT era STREQUAL last_era)
    list(APPEND first_ids ${id})
    list(APPEND last_ids ${last_id})
  endif()
  set(last_era ${era})
  set(last_id ${id})
endforeach()
list(APPEND last_ids newest)

if(DSAIO_RELEASES STREQUAL "edges")
  set(RELEASE_IDS ${first_ids} ${last_ids})
  list(REMOVE_DUPLICATES RELEASE_IDS)
  set(ERA_IDS ${last_ids})
  set(NEWEST_IDS newest)
else()
  if(DSAIO_RELEASES STREQUAL "all")
    set(RELEASE_IDS ${all_ids})
  elseif(DSAIO_RELEASES STREQUAL "newest")
    set(RELEASE_IDS newest)
  else()
    set(RELEASE_IDS "")
    foreach(release ${DSAIO_RELEASES})
      if(NOT DEFINED id_of_${release})
        message(FATAL_ERROR "DSAIO_RELEASES names ${release}, which ${DSAIO_RELEASES_FILE} does not list.")
      endif()
      list(APPEND RELEASE_IDS ${id_of_${release}})
    endforeach()
  endif()
  set(ERA_IDS ${RELEASE_IDS})
  set(NEWEST_IDS ${RELEASE_IDS})
endif()
