import { ImageBuildRequest, LogQuery, LogsAnswer } from "@dormouse/schema";
import type { OperationGroup } from "../operation.ts";
import { FollowQuery, ImageBegunAnswer, ImageBuildQuery, LogText, MessageAnswer } from "../shapes.ts";

export const builds: OperationGroup = {
  tag: "Builds",
  description:
    "Images made for this workspace. `POST` and `PUT /sandboxes` and `POST /images` with `upload=true` answer in the header `X-Blaxel-Upload-Url` where to `PUT` a ZIP file with a `Dockerfile` at its root: once, within an hour, without a credential. The status then goes from `UPLOADING` over `BUILDING` and `DEPLOYING` to `DEPLOYED`, of an image to `BUILT`, or to `FAILED`.",
  operations: [
    {
      method: "post",
      path: "/images",
      id: "createImage",
      summary: "Make a version of an image, from an upload or from a registry",
      query: ImageBuildQuery,
      body: ImageBuildRequest,
      answer: ImageBegunAnswer,
      errors: ["IMAGE_ALREADY_EXISTS", "BUILD_FAILED", "RATE_LIMITED", "HOST_FULL", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "put",
      path: "/uploads/{token}",
      id: "uploadBuildContext",
      summary: "Upload what an image is built from as a ZIP file; answered when the build begins",
      answer: MessageAnswer,
      errors: ["INVALID_ARGUMENT", "FORBIDDEN", "TOO_LARGE", "RATE_LIMITED", "HOST_FULL", "ENGINE_UNAVAILABLE"],
      isPublic: true,
    },
    {
      method: "get",
      path: "/sandboxes/{name}/build-logs",
      id: "getSandboxBuildLogs",
      summary: "Read the log of a sandbox's latest build, until it has ended unless follow=false",
      query: FollowQuery,
      answer: LogText,
      errors: ["SANDBOX_NOT_FOUND", "BUILD_NOT_FOUND"],
    },
    {
      method: "get",
      path: "/images/{resourceType}/{imageName}/build-logs",
      id: "getImageBuildLogs",
      summary: "Read the log of an image's latest build, until it has ended unless follow=false",
      query: FollowQuery,
      answer: LogText,
      errors: ["BUILD_NOT_FOUND"],
    },
    {
      method: "get",
      path: "/observability/logs",
      id: "getLogs",
      summary: "Read what builds and programs have written, by the name of the sandbox or image, newest first",
      query: LogQuery,
      answer: LogsAnswer,
    },
  ],
};
