"""stub"""
def write_documents(result, out): pass
