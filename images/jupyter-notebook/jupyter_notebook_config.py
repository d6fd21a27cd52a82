c = get_config()  # noqa: F821

c.NotebookApp.ip = "0.0.0.0"
c.NotebookApp.port = 8888
c.NotebookApp.port_retries = 0
c.NotebookApp.open_browser = False
c.NotebookApp.allow_root = True
c.NotebookApp.notebook_dir = "/blaxel/app"
# Who may use it is decided by its preview, whose host it cannot know.
c.NotebookApp.token = ""
c.NotebookApp.password = ""
c.NotebookApp.disable_check_xsrf = True
c.NotebookApp.allow_remote_access = True
c.NotebookApp.allow_origin = "*"
